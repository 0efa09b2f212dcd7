#!/usr/bin/env python3
"""Stands in for QEMU in the self-tests of the host tools.

It takes QEMU's arguments and plays the scene that the kernel's command line
(-append) names with `scene=`: prints a console, then exits with a code. The
scenes of a tour send the module on COM2 and then show a monitor's prompt.
"""

import os
import sys
import time

GOOD = """\
Ephemera boots
KTAP version 1
1..2
  # Subtest: page
  1..3
  # RUN page.one
  # a diagnostic
  ok 1 page.one
  # RUN page.two
noise in between
  ok 2 page.two
  # RUN page.three
  ok 3 page.three # SKIP needs two CPUs
ok 1 page
  # Subtest: sched
  1..1
  # RUN sched.one
  ok 1 sched.one
ok 2 sched
bye
"""

# A kernel that was really seen: text up to a test that never ends.
CUT = GOOD[:GOOD.index("noise")]

SCENES = {
    "good": (GOOD, 33),
    "good-crlf": (GOOD.replace("\n", "\r\n"), 33),
    "good-noise": (GOOD.replace("noise", "\udcff\udc80\x00\x1b[2J"), 33),
    "not-ok": (GOOD.replace("ok 2 page.two", "not ok 2 page.two")
               .replace("ok 1 page\n", "not ok 1 page\n"), 35),
    "crash": (CUT + "panic: page.c:12: out of luck\n", 37),
    "watchdog": (CUT + "watchdog: page.two is stuck\n", 39),
    "triple-fault": (CUT, 0),
    "no-start": ("", 1),
    "unfit": ("Ephemera cannot run here: this CPU lacks PAE\n", 43),
    "nothing-ran": ("KTAP version 1\n1..0\n", 41),
    "plan-zero": ("KTAP version 1\n1..0\n", 33),
    "suite-zero": ("KTAP version 1\n1..1\n  # Subtest: page\n  1..0\n"
                   "ok 1 page\n", 33),
    "silence": ("", 33),
    "unplanned": (GOOD.replace(
        "ok 1 page\n", "  # RUN page.more\n  ok 4 page.more\nok 1 page\n"),
        33),
    "unannounced": (GOOD.replace("  # RUN page.two\n", ""), 33),
    "duplicate": (GOOD.replace("  ok 2 page.two\n",
                               "  ok 2 page.two\n  ok 2 page.two\n"), 33),
    "same-name": (GOOD.replace("page.two", "page.one"), 33),
    "out-of-order": (GOOD.replace("ok 2 page.two", "ok 3 page.two"), 33),
    "unindented": (GOOD.replace("  ok 2 page.two", "ok 2 page.two"), 33),
    "forged-early": ("ok 1 page\n" + GOOD, 33),
    "forged-late": (GOOD + "ok 3 more\n", 33),
    "forged-deep": (GOOD.replace("noise", "    ok 9 page.nine\nnoise"), 33),
    "second-report": (GOOD + GOOD, 33),
    "missing": (GOOD.replace("  ok 2 page.two\n", ""), 33),
    "missing-last": (GOOD.replace("  # RUN page.three\n", "").replace(
        "  ok 3 page.three # SKIP needs two CPUs\n", ""), 33),
    "missing-suite": (GOOD[:GOOD.index("  # Subtest: sched")], 33),
    "garbage": (GOOD.replace("  ok 2 page", "  o\udcff 2 page"), 33),
    "torn": (GOOD.replace("  ok 2 page.two", "cpu3: hello  ok 2 page.two"),
             33),
    "parent-lies": (GOOD.replace("ok 2 page.two", "not ok 2 page.two"), 33),
    "parent-sulks": (GOOD.replace("ok 1 page\n", "not ok 1 page\n"), 35),
    "code-lies": (GOOD.replace("ok 2 page.two", "not ok 2 page.two")
                  .replace("ok 1 page\n", "not ok 1 page\n"), 33),
    "code-sulks": (GOOD, 35),
    "all-skipped": ("KTAP version 1\n1..1\n  # Subtest: page\n  1..1\n"
                    "  # RUN page.one\n  ok 1 page.one # SKIP no\n"
                    "ok 1 page\n", 33),
    "hang": (CUT, None),
    "random": (f"{time.time_ns()}\n" + GOOD, 33),
}


def argument(name):
    """Return what follows `name` in QEMU's arguments, or an empty text."""
    arguments = sys.argv[1:]
    return arguments[arguments.index(name) + 1] if name in arguments else ""


def say(text):
    """Print text; surrogates stand for bytes that are no UTF-8."""
    os.write(1, text.encode("utf-8", "surrogateescape"))


def play_monitor():
    """Show a prompt, and leave when told to."""
    say("Ephemera boots\r\nephemera> ")
    typed = b""
    while not typed.endswith(b"\r"):
        typed += os.read(0, 1)
    return 33 if typed == b"exit\r" else 35


def send_file(scene):
    """Act the tour: send the module over COM2, as the scene says."""
    with open(argument("-initrd"), "rb") as file:
        data = file.read()
    announced = len(data)
    if scene == "tour-damaged":
        data = data[:-1] + bytes([data[-1] ^ 1])
    if scene == "tour-short":
        data = data[:-1]
    with open("com2.bin", "ab") as com2:
        com2.write(data)
    say("sendfile: 50%...\rsendfile: 100%\r"
        f"sendfile: {announced} bytes sent on COM2\r\n")


def play_tour(scene):
    """Send the module, then take lines as the monitor does."""
    say("The tour: a file goes round\r\n")
    if scene != "tour-none":
        send_file(scene)
    while scene != "tour-silent":
        say("ephemera> ")
        line = b""
        while not line.endswith((b"\r", b"\x04")):
            line += os.read(0, 1)
        say(f"typed {line}\r\n")
        if line == b"send\r":
            send_file(scene)
        elif line == b"panic\r":
            return 37
        elif line == b"\x04":
            return 33
    time.sleep(60)
    return 33


def main():
    scene = argument("-append").split("scene=")[-1].split(" ")[0]
    if argument("-D"):
        with open(argument("-D"), "w", encoding="utf-8") as log:
            log.write("check_exception old: 0x8 new 0xe\nTriple fault\n")
    if scene == "monitor":
        return play_monitor()
    if scene.startswith("tour"):
        return play_tour(scene)
    if scene == "no-start":
        print("qemu: no such CPU", file=sys.stderr)
    text, code = SCENES[scene]
    say(text)
    if code is None:
        time.sleep(60)
    return code


if __name__ == "__main__":
    sys.exit(main())
