"""What the coverage build sends on COM2, and how files of counts are added up.

The kernel sends, after whatever it had to send, a line of text and then
records: a length, and so many bytes. For each object: an empty record, the
name of its .gcda file, and the file in pieces. Two empty ones end it. See
tests/coverage/send.c.
"""

import os
import shutil
import struct
import subprocess

BEGIN = b"\nephemera: counters follow\n"


class Incomplete(Exception):
    """The kernel's end did not send its counters, or not all."""


def records(data):
    """Yield each record that follows the line of text."""
    start = data.rfind(BEGIN)
    if start < 0:
        raise Incomplete("no counters were sent")
    at = start + len(BEGIN)
    while at + 4 <= len(data):
        length, = struct.unpack_from("<I", data, at)
        at += 4 + length
        if at > len(data):
            break
        yield data[at - length:at]


def split(data):
    """Return the files that were sent, by name."""
    files = {}
    sent = records(data)
    if next(sent, None) != b"":
        raise Incomplete("the counters break off")
    while True:
        name = next(sent, None)
        if name == b"" and files:
            return files
        if not name:
            raise Incomplete("the counters break off")
        pieces = []
        while piece := next(sent, b""):
            pieces.append(piece)
        files[name.decode()] = b"".join(pieces)


class Sum:
    """A directory of .gcda files to which those of each boot are added."""

    def __init__(self, directory, root):
        self.directory = os.path.abspath(directory)
        self.root = root
        self.boots = 0
        for path in self._all():
            shutil.rmtree(path, ignore_errors=True)

    def _all(self):
        return self.directory, self.directory + ".one", self.directory + ".new"

    def add(self, com2):
        """Add what a boot has sent; raise Incomplete if that is not all."""
        total, one, new = self._all()
        with open(com2, "rb") as file:
            files = split(file.read())
        for name, data in files.items():
            path = os.path.join(one, os.path.relpath(name, self.root))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        if self.boots == 0:
            os.rename(one, total)
        else:
            subprocess.run(["gcov-tool", "merge", total, one, "-o", new],
                           check=True, stdin=subprocess.DEVNULL)
            shutil.rmtree(total)
            shutil.rmtree(one)
            os.rename(new, total)
        self.boots += 1
