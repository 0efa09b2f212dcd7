"""The console between a guest and its user: the terminal, the typist, the
verifier of what the guest sends back.

Output goes through `screen` only, so that our own lines never begin in the
middle of the guest's.
"""

import contextlib
import hashlib
import os
import re
import select
import termios
import time
import tty

from qemu import MEBIBYTE

PROMPT = b"ephemera> "
TOUR = b"The tour:"
SENT = re.compile(rb"^sendfile: (\d+) bytes sent on COM2")

END_OF_INPUT = b"\x04"
ESCAPE = 0x01               # Ctrl-A
QUIT = ord("x")

COM2_PATIENCE_SECONDS = 5


class Screen:
    """Standard output, which may be a slow pipe or a raw terminal."""

    def __init__(self):
        self._at_line_start = True

    def write(self, data):
        """Write bytes, all of them."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(1, view):]
            except BlockingIOError:
                select.select([], [1], [], 1)
        if data:
            self._at_line_start = data.endswith(b"\n")

    def say(self, text):
        """Write a line of our own; a raw terminal wants \\r too."""
        end = b"\r\n" if os.isatty(1) else b"\n"
        begin = b"" if self._at_line_start else end
        self.write(begin + b"host: " + text.encode("utf-8", "replace") + end)


screen = Screen()


class Verifier:
    """Follows the console and checks each file that the kernel has sent."""

    def __init__(self, com2, sha256):
        self.com2 = com2
        self.sha256 = sha256
        self.offset = 0
        self.expected = False   # has the tour begun?
        self.equal = 0
        self.different = 0
        self._line = b""

    def feed(self, byte_string):
        """Take console output up to a line end; return a verdict or None.

        The kernel rewrites a progress line with bare carriage returns, so
        the text that stays is what follows the last of them.
        """
        self._line = (self._line + byte_string)[-4096:]
        if not self._line.endswith(b"\n"):
            return None
        text = self._line.rstrip(b"\r\n").split(b"\r")[-1]
        self._line = b""
        self.expected = self.expected or text.startswith(TOUR)
        match = SENT.match(text)
        return self._verify(int(match[1])) if match else None

    def _verify(self, length):
        digest, found = self._hash_next(length)
        if found < length:
            self.different += 1
            return (f"SHA-256 unknown: {length:,} bytes were announced, "
                    f"{found:,} arrived")
        if self.sha256 is None:
            return f"SHA-256 of what was sent: {digest} ({length:,} bytes)"
        if digest == self.sha256:
            self.equal += 1
            return f"SHA-256 equal: {digest} ({length:,} bytes)"
        self.different += 1
        return (f"SHA-256 DIFFERS: {digest} was sent, the file has "
                f"{self.sha256} ({length:,} bytes)")

    def _hash_next(self, length):
        """Return the hash of the next bytes of COM2, and how many came."""
        digest = hashlib.sha256()
        found = 0
        deadline = time.monotonic() + COM2_PATIENCE_SECONDS
        with open(self.com2, "rb") as file:
            file.seek(self.offset)
            while found < length:
                block = file.read(min(MEBIBYTE, length - found))
                if not block and time.monotonic() > deadline:
                    break
                if not block:
                    time.sleep(0.05)
                digest.update(block)
                found += len(block)
        self.offset += found
        return digest.hexdigest(), found


class Typist:
    """Types prepared input: a line after each prompt, then ^D.

    Typing only at a prompt loses nothing, whatever the kernel was doing.
    """

    def __init__(self):
        self._input = b""
        self._ended = False
        self._tail = b""
        self._at_prompt = False

    def output(self, chunk):
        """Note what the kernel printed."""
        self._tail = (self._tail + chunk).split(b"\n")[-1][-256:]
        if self._tail.endswith(PROMPT):
            self._at_prompt = True

    def input(self, chunk):
        """Note what there is to type; an empty chunk means no more."""
        self._input += chunk
        self._ended = self._ended or not chunk

    def next_keys(self):
        """Return what to type now, perhaps nothing."""
        line, newline, rest = self._input.partition(b"\n")
        if not self._at_prompt or not (newline or self._ended):
            return b""
        self._at_prompt = False
        # The echo stands behind the prompt: a new one begins a new line.
        self._tail = b"typed"
        if not line and not newline:
            return END_OF_INPUT
        self._input = rest
        return line.rstrip(b"\r") + b"\r"


class Keyboard:
    """A terminal's keys: all go to the guest, but Ctrl-A is an escape."""

    def __init__(self):
        self._escaped = False
        self.quit = False

    def translate(self, keys):
        """Return what the guest gets; set `quit` on Ctrl-A x."""
        typed = bytearray()
        for key in keys:
            if self._escaped:
                self._escaped = False
                if key == QUIT:
                    self.quit = True
                    break
                typed.append(ESCAPE if key == ord("a") else key)
            elif key == ESCAPE:
                self._escaped = True
            else:
                typed.append(key)
        return bytes(typed)


@contextlib.contextmanager
def raw_terminal(file_number):
    """Let every key through while the block runs; then restore, always."""
    if file_number is None:
        yield
        return
    saved = termios.tcgetattr(file_number)
    try:
        tty.setraw(file_number)
        yield
    finally:
        termios.tcsetattr(file_number, termios.TCSADRAIN, saved)


class Console:
    """Joins the guest's COM1 with our standard input and output."""

    def __init__(self, process, verifier, timeout):
        self.process = process
        self.verifier = verifier
        self.timeout = timeout
        self.stopped = ""
        self.quit = False
        self._half = b""
        self._keyboard = Keyboard()
        self._typist = Typist()
        self._input = standard_input()
        self.terminal = self._input if self._input is not None \
            and os.isatty(self._input) else None
        if self._input is None:
            self._typist.input(b"")

    def relay(self):
        """Run until the guest's console ends, or we have to stop it."""
        output = self.process.stdout.fileno()
        last_output = time.monotonic()
        while not self.stopped:
            sources = [output]
            if self._input is not None:
                sources.append(self._input)
            ready = select.select(sources, [], [], 0.5)[0]
            if output in ready:
                chunk = os.read(output, 65536)
                if not chunk:
                    return
                last_output = time.monotonic()
                self._show(chunk)
            if self._input in ready:
                self._read_input()
            if self.terminal is None:
                self._type(self._typist.next_keys())
                if time.monotonic() - last_output > self.timeout:
                    self.stopped = ("the kernel was silent for "
                                    f"{self.timeout:g} s and was stopped")

    def _show(self, chunk):
        """Print what came, with a verdict right after its line."""
        self._typist.output(chunk)
        # A line end may come in two chunks: keep its first half for later.
        chunk = self._half + chunk
        self._half = chunk[len(chunk.rstrip(b"\r")):]
        for line in chunk.rstrip(b"\r").splitlines(keepends=True):
            # A file or a pipe gets plain line ends.
            screen.write(line if os.isatty(1) else
                         line.replace(b"\r\n", b"\n"))
            verdict = self.verifier.feed(line)
            if verdict:
                screen.say(verdict)

    def _read_input(self):
        try:
            data = os.read(self._input, 4096)
        except OSError:
            data = b""      # a terminal that was closed
        if not data:
            self._input = None
        if self.terminal is None:
            self._typist.input(data)
        elif not data:
            self.stopped = "the terminal was closed"
        else:
            self._type(self._keyboard.translate(data))
            if self._keyboard.quit:
                self.stopped = "stopped with Ctrl-A x"
                self.quit = True

    def _type(self, keys):
        with contextlib.suppress(BrokenPipeError):
            if keys:
                self.process.stdin.write(keys)


def standard_input():
    """Return the descriptor of our input, or None if it is closed."""
    try:
        os.fstat(0)
        return 0
    except OSError:
        return None
