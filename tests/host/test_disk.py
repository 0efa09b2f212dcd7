#!/usr/bin/env python3
"""The monitor's ls, cat and sum: a tar archive that the host made, given to the
built kernel as a boot module, must read there as it was written here.
"""
import fnmatch
import io
import random
import re
import tarfile
import unittest

from test_tour import Session

# With a directory each: longer than POSIX's fields of 100 and of 155 bytes.
DEEP = "deep/" * 25 + "file"
DEEPER = "deeper/" * 40 + "file"

FILES = {
    "docs/hello": b"Hello, world.\n\tIndented.\n",
    "docs/empty": b"",
    "docs/one": b"1",
    "docs/every-byte": bytes(range(256)) * 17,
    "docs/sector": b"s" * 512,
    "docs/pages": random.Random(1).randbytes(3 * 4096),
    "docs/odd": random.Random(2).randbytes(1000003),
    "na\x1b[31mme": b"red\n",
    DEEP: b"deep\n",
}
LONG_FILES = {DEEPER: b"deeper\n"}


def cksum(data):
    """POSIX cksum: the CRC of the bytes and of their number."""
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = value << 1 ^ (0x104C11DB7 if value >> 31 else 0)
        table.append(value)
    length = len(data)
    crc = 0
    for byte in data + length.to_bytes((length.bit_length() + 7) // 8,
                                       "little"):
        crc = (crc << 8 & 0xFFFFFFFF) ^ table[crc >> 24 ^ byte]
    return crc ^ 0xFFFFFFFF


def cat_v(data, keep=b"\n\t"):
    """What `cat -v` makes of bytes."""
    text = ""
    for byte in data:
        if byte in keep:
            text += chr(byte)
            continue
        text += "M-" if byte >= 128 else ""
        byte &= 127
        text += "^" + chr(byte ^ 64) if byte < 32 or byte == 127 \
            else chr(byte)
    return text


def name_v(name):
    return cat_v(name.encode(), b"")


def add(archive, name, kind=tarfile.REGTYPE, data=b"", target=""):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(data)
    info.linkname = target
    archive.addfile(info, io.BytesIO(data))


def make_tar(tar_format, files):
    """An archive of files, and of one of each other kind."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        add(archive, "docs", tarfile.DIRTYPE)
        for name, data in files.items():
            add(archive, name, data=data)
        add(archive, "docs/link", tarfile.LNKTYPE, target="docs/one")
        add(archive, "docs/symlink", tarfile.SYMTYPE, target="one")
        add(archive, "docs/fifo", tarfile.FIFOTYPE)
    return buffer.getvalue()


class Dialogue:
    """One boot, and what the monitor answered to each command."""

    def __init__(self, contents, commands, **options):
        keys = "".join(command + "\n" for command in commands)
        self.session = Session(keys=keys, contents=contents, **options)
        self.answers = self.session.text.split("ephemera> ")[1:]
        self.commands = commands

    def answer(self, command):
        answer = self.answers[self.commands.index(command)]
        echo, _, text = answer.partition("\n")
        assert echo == command, self.session.text
        return text


class Formats:
    """The tests of one format, and of one way to boot."""

    tar_format = None
    files = FILES
    options = {"options": ["--append", "monitor"]}
    commands = ("ls", "ls docs/o*", "ls nosuch", "cat docs/hello",
                "cat docs/one", "cat docs/empty", "cat docs/every-byte",
                "cat *deep/file", "cat nosuch", "cat docs/",
                "cat docs/symlink", "sum *", "sum docs/odd", "sum docs/link",
                "cat", "sum", "cat a b", "help ls")

    @classmethod
    def setUpClass(cls):
        cls.dialogue = Dialogue(make_tar(cls.tar_format, cls.files),
                                cls.commands, **cls.options)

    def answer(self, command):
        return self.dialogue.answer(command)

    def members(self):
        """Letter, size and name of each member."""
        yield "d", 0, "docs/"
        for name, data in self.files.items():
            yield "-", len(data), name
        yield "h", 0, "docs/link"
        yield "l", 0, "docs/symlink"
        yield "s", 0, "docs/fifo"

    def listing(self, glob):
        return "".join(f"{letter} {size:12}  {name_v(name)}\n"
                       for letter, size, name in self.members()
                       if fnmatch.fnmatchcase(name, glob))

    def test_it_ends_well(self):
        self.assertEqual(self.dialogue.session.status, 0,
                         self.dialogue.session.text)

    def test_ls_lists_every_member(self):
        self.assertEqual(self.answer("ls"), self.listing("*"))

    def test_ls_takes_a_pattern(self):
        self.assertEqual(self.answer("ls docs/o*"), self.listing("docs/o*"))
        self.assertIn("has no 'nosuch'", self.answer("ls nosuch"))

    def test_cat_prints_text_as_it_is(self):
        self.assertEqual(self.answer("cat docs/hello"),
                         FILES["docs/hello"].decode())
        self.assertEqual(self.answer("cat docs/empty"), "")

    def test_cat_ends_the_last_line(self):
        self.assertEqual(self.answer("cat docs/one"), "1\n")

    def test_cat_shows_other_bytes_as_cat_v_does(self):
        # This tool turns CR LF, which is how a terminal is told, into LF.
        self.assertEqual(self.answer("cat docs/every-byte"),
                         cat_v(FILES["docs/every-byte"]) + "\n")

    def test_cat_finds_a_long_name(self):
        self.assertEqual(self.answer("cat *deep/file"), "deep\n")

    def test_cat_says_what_has_no_contents(self):
        self.assertIn("has no 'nosuch'", self.answer("cat nosuch"))
        self.assertEqual(self.answer("cat docs/"),
                         "docs/ is a directory.\n")
        self.assertEqual(self.answer("cat docs/symlink"),
                         "docs/symlink is a symbolic link.\n")

    def test_sum_prints_what_cksum_prints(self):
        answer = self.answer("sum *")
        for name, data in self.files.items():
            with self.subTest(name):
                self.assertIn(f"{cksum(data)} {len(data)} {name_v(name)}\n",
                              answer)
        data = FILES["docs/odd"]
        self.assertEqual(self.answer("sum docs/odd"),
                         f"{cksum(data)} {len(data)} docs/odd\n")

    def test_sum_of_a_link_is_refused(self):
        self.assertEqual(self.answer("sum docs/link"),
                         "docs/link is a link to a member before it.\n")

    def test_usage(self):
        self.assertEqual(self.answer("cat"), "Usage: cat NAME\n")
        self.assertEqual(self.answer("sum"), "Usage: sum NAME\n")
        self.assertEqual(self.answer("cat a b"), "Usage: cat NAME\n")
        self.assertIn("ls", self.answer("help ls"))


class Ustar(Formats, unittest.TestCase):
    tar_format = tarfile.USTAR_FORMAT


class Gnu(Formats, unittest.TestCase):
    tar_format = tarfile.GNU_FORMAT
    files = {**FILES, **LONG_FILES}


class Pax(Formats, unittest.TestCase):
    """With names that are not ASCII, too, on a machine without high memory, and
    through the window."""

    tar_format = tarfile.PAX_FORMAT
    files = {**FILES, **LONG_FILES, "n\u00e4me": b"1"}
    options = {"memory": "64M",
               "options": ["--append", "monitor sfbuf.strict=on"]}


class Grub(Formats, unittest.TestCase):
    tar_format = tarfile.GNU_FORMAT
    options = {"options": ["--iso", "--append", "monitor"]}


class Others(unittest.TestCase):

    def test_the_tour_still_sends_the_archive(self):
        dialogue = Dialogue(make_tar(tarfile.GNU_FORMAT, {"one": b"1"}),
                            ("sum one", "sendfile", "sum one"))
        self.assertEqual(dialogue.session.status, 0, dialogue.session.text)
        self.assertEqual(dialogue.session.text.count("SHA-256 equal"), 2)
        self.assertEqual(dialogue.session.text.count(f"{cksum(b'1')} 1 one\n"),
                         2)

    def test_no_archive(self):
        dialogue = Dialogue(b"text", ("ls", "sum x"),
                            options=["--append", "monitor"])
        for command in dialogue.commands:
            self.assertRegex(dialogue.answer(command),
                             "no tar archive.*\n?.*tar cf")

    def test_a_damaged_archive_is_listed_up_to_there(self):
        contents = make_tar(tarfile.USTAR_FORMAT, {"one": b"1", "two": b"2"})
        cut = contents[:3 * 512] + b"x" + contents[3 * 512:]
        dialogue = Dialogue(cut, ("ls", "cat one"),
                            options=["--append", "monitor"])
        refusal = ("Byte 1536 and all that follows is refused: "
                   "the checksum of a header is wrong.\n")
        self.assertIn("one\n", dialogue.answer("ls"))
        self.assertNotIn("two\n", dialogue.answer("ls"))
        self.assertIn(refusal, dialogue.answer("ls"))
        self.assertEqual(dialogue.answer("cat one"), "1\n" + refusal)

    def test_memory_that_is_too_short_is_told(self):
        # What the largest file leaves, many buffers and CPUs take.
        big = make_tar(tarfile.USTAR_FORMAT, {"big": bytes((26 << 20) - 65536)})
        dialogue = Dialogue(
            big, ("ls",), memory="64M", smp=32,
            options=["--append", "monitor kern.ipc.nsfbufs=65536"])
        self.assertRegex(dialogue.answer("ls"),
                         r"does not fit: \d+ KiB are needed, \d+ KiB are free")
        self.assertEqual(dialogue.session.status, 0, dialogue.session.text)

    def test_interrupting_a_long_file(self):
        lines = "".join(f"line {n}\n" for n in range(300000))
        dialogue = Dialogue(
            make_tar(tarfile.USTAR_FORMAT, {"long": lines.encode()}),
            ("cat long\r\x03", "sum long"),
            options=["--append", "monitor"])
        text = dialogue.session.text
        self.assertNotIn("line 299999\n", text)
        self.assertRegex(text, r"\^C\n")
        self.assertIn(f"{cksum(lines.encode())} {len(lines)} long\n", text)
        self.assertEqual(dialogue.session.status, 0, text)


if __name__ == "__main__":
    unittest.main()
