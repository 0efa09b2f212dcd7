#!/usr/bin/env python3
"""Boot the kernel in QEMU, give it a file, and check what it sends back.

The file goes in as a multiboot module. The kernel's tour sends it over the
second serial port; this tool compares its SHA-256 with the original's. The
console is the terminal: Ctrl-A x ends QEMU, all other keys go to the kernel.
Without a terminal each line of input is typed after a prompt of the monitor,
and the end of the input is typed as ^D, which ends the kernel.

The exit status is 0 if the kernel ended well and the file came back whole
each time it was sent, and at least once; 1 if not; 2 if it could not start.
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading

from console import Console, Verifier, raw_terminal, screen
from qemu import (EXIT_PASSED, GIBIBYTE, MEBIBYTE, MODES, QEMU, SetupError,
                  check_machine, console_args, describe_exit, find_qemu, machine_args,
                  parse_size)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# The kernel needs room for itself and, at worst, a copy of the file.
KERNEL_BYTES = 12 * MEBIBYTE
COPIES = 2

# A module must lie below the hole for devices, where 3 GiB are at most.
MAX_FILE_BYTES = GIBIBYTE

# Above this the emulated serial port, about half a MiB a second, takes long.
LONG_FILE_BYTES = 32 * MEBIBYTE
SERIAL_BYTES_PER_SECOND = MEBIBYTE // 2

# Names that are safe for QEMU, which splits its arguments at commas.
MODULE = "file"
COM2 = "com2.bin"
ISO = "run.iso"
CONSOLE = "console.log"


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", default="build/ephemera.elf", metavar="FILE",
        help="the kernel to boot (default: %(default)s)")
    add("--file", metavar="PATH", help="the file to hand to the kernel")
    add("--smp", default="4", metavar="N", help="CPUs (default: 4)")
    add("--memory", default="2G", metavar="SIZE",
        help="such as 512M (default: 2G)")
    add("--cpu", default="max", metavar="MODEL",
        help="CPU model (default: max)")
    add("--mode", default="mttcg", choices=MODES,
        help="how QEMU runs the CPUs (default: mttcg)")
    add("--append", default="", metavar="WORDS",
        help="the kernel's command line")
    add("--iso", action="store_true", help="boot through GRUB, from an ISO")
    add("--gdb", action="store_true",
        help="start gdb too; the machine waits for it at its reset")
    add("--gdb-script", action="append", default=[], metavar="FILE",
        help="a file of gdb commands to read (may be repeated)")
    add("--timeout", type=float, default=300, metavar="SECONDS",
        help="without a terminal, stop after this long a silence "
        "(default: %(default)s)")
    add("--out", default="build/run", metavar="DIR",
        help="where the file and COM2's data go (default: %(default)s)")
    add("--qemu", default=QEMU, metavar="PROGRAM",
        help="the QEMU to run (default: %(default)s)")
    return parser.parse_args(argv)


# ---- the file

def check_file(path, memory):
    """Return the size of the file, or say why it cannot be used."""
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise SetupError(f"there is no file '{path}'") from error
    except OSError as error:
        raise SetupError(f"'{path}': {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise SetupError(f"'{path}' is a directory; FILE= must be a file")
    if not stat.S_ISREG(status.st_mode):
        raise SetupError(f"'{path}' is not a regular file")
    if not os.access(path, os.R_OK):
        raise SetupError(f"'{path}' may not be read by this user")
    size = status.st_size
    if size == 0:
        raise SetupError(f"'{path}' is empty; there is nothing to send")
    if size > MAX_FILE_BYTES:
        raise SetupError(
            f"'{path}' has {size:,} bytes; a boot loader can hand over "
            f"{MAX_FILE_BYTES:,} at most")
    needed = COPIES * size + KERNEL_BYTES
    if needed > parse_size(memory):
        raise SetupError(
            f"'{path}' has {size:,} bytes, too many for a machine of "
            f"{memory}; MEM={round_memory(needed)} would do")
    return size


def round_memory(needed):
    """Return an amount for MEM= of at least `needed` bytes."""
    step = 16 * MEBIBYTE
    megabytes = -(-needed // step) * step // MEBIBYTE
    return f"{megabytes // 1024}G" if megabytes % 1024 == 0 \
        else f"{megabytes}M"


def copy_and_hash(source, destination):
    """Copy a file, so that nothing can change it, and return its SHA-256."""
    digest = hashlib.sha256()
    with open(source, "rb") as old, open(destination, "wb") as new:
        while True:
            block = old.read(MEBIBYTE)
            if not block:
                return digest.hexdigest()
            digest.update(block)
            new.write(block)


def prepare(args):
    """Fill the output directory; return the file's SHA-256, or None."""
    if not os.path.isfile(args.kernel):
        raise SetupError(f"{args.kernel} is missing; run `make` first")
    parse_size(args.memory)
    check_machine(args.smp, args.memory)
    size = check_file(args.file, args.memory) if args.file else 0
    try:
        os.makedirs(args.out, exist_ok=True)
        warn_about(size, shutil.disk_usage(args.out).free, args.iso)
        for name in (MODULE, COM2, ISO, CONSOLE):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(args.out, name))
        if not args.file:
            return None
        return copy_and_hash(args.file, os.path.join(args.out, MODULE))
    except OSError as error:
        raise SetupError(f"cannot copy to {args.out}: "
                         f"{error.strerror}") from error


def warn_about(size, free, iso):
    """Say early what may go wrong or take long."""
    # The copy, what COM2 brings back, and GRUB's image of it.
    needed = size * (3 if iso else 2) + 16 * MEBIBYTE
    if free < needed:
        screen.say(f"the disk is nearly full: {free // MEBIBYTE} MiB are free, "
            f"and {needed // MEBIBYTE} may be needed")
    if size > LONG_FILE_BYTES:
        minutes = size / SERIAL_BYTES_PER_SECOND / 60
        screen.say(f"{size // MEBIBYTE} MiB over an emulated serial port "
            f"take about {minutes:.0f} minutes")


# ---- QEMU

def qemu_command(args):
    """Return QEMU's command line. It is to run in the output directory, so
    that no path that a user chose stands where commas have a meaning."""
    command = [find_qemu(args.qemu)]
    command += machine_args(args.smp, args.memory, args.cpu, args.mode)
    command += console_args(f"file:{COM2}")
    if args.iso:
        return command + ["-cdrom", ISO]
    command += ["-kernel", os.path.abspath(args.kernel),
                "-append", args.append]
    return command + (["-initrd", MODULE] if args.file else [])


def make_iso(args):
    """Put the kernel, its command line and the file on a GRUB image."""
    command = ["sh", os.path.join(ROOT, "scripts", "mkiso.sh"), args.kernel,
               os.path.join(args.out, ISO), args.append]
    if args.file:
        command.append(os.path.join(args.out, MODULE))
    if subprocess.run(command, check=False).returncode != 0:
        raise SetupError("the ISO could not be made")


def start_qemu(args, extra=()):
    # A session of its own: ^C is a key for the guest, or for gdb.
    return subprocess.Popen(
        qemu_command(args) + list(extra), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, bufsize=0, cwd=args.out,
        start_new_session=True)


# ---- the console

def end_process(process):
    """Wait for a QEMU that is about to end; kill one that is not."""
    try:
        return process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def run_console(args, sha256):
    """Boot, relay the console, and return the exit status."""
    process = start_qemu(args)
    verifier = Verifier(os.path.join(args.out, COM2), sha256)
    console = Console(process, verifier, args.timeout)
    if console.terminal is not None:
        screen.say("Ctrl-A x ends QEMU; ^D at the prompt ends the kernel")
    try:
        with raw_terminal(console.terminal):
            console.relay()
            if console.stopped:
                process.kill()
            exit_code = end_process(process)
    finally:
        process.kill()
        process.wait()
    if console.quit:
        return 0
    problem = judge(exit_code, console.stopped, verifier)
    if problem:
        screen.say(problem)
    return 1 if problem else 0


def judge(exit_code, stopped, verifier):
    """Return a sentence on what went wrong, or None."""
    if stopped:
        return stopped
    if exit_code != EXIT_PASSED:
        return (f"it ended badly: {describe_exit(exit_code)} "
                f"(QEMU's exit code {exit_code})")
    if verifier.different:
        return "a file did not come back as it was"
    if verifier.expected and not verifier.equal:
        return "the kernel ended well, but the file was never sent back"
    return None


# ---- gdb

def free_port():
    """Return a TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def copy_console(process, path):
    """Show the guest's console between gdb's lines, and keep it."""
    with open(path, "wb", buffering=0) as log:
        while True:
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return
            log.write(chunk)
            screen.write(chunk)


def run_gdb(args):
    """Run gdb in the terminal with QEMU beside it; return gdb's status."""
    gdb = shutil.which("gdb")
    if gdb is None:
        raise SetupError("gdb was not found; `scripts/setup.sh ensure debug` "
                         "installs it")
    target = f"127.0.0.1:{free_port()}"
    command = [gdb, "-q", args.kernel, "-ex", f"target remote {target}"]
    for script in args.gdb_script:
        command += ["-x", script]
    process = start_qemu(args, ("-S", "-gdb", f"tcp:{target}"))
    log = os.path.join(args.out, CONSOLE)
    threading.Thread(target=copy_console, args=(process, log),
                     daemon=True).start()
    screen.say(f"the kernel's console appears here and in {log}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # gdb's to handle
    try:
        return subprocess.run(
            command, check=False,
            preexec_fn=lambda: signal.signal(signal.SIGINT,
                                             signal.SIG_DFL)).returncode
    finally:
        process.kill()
        process.wait()


def raise_exit(number, _frame):
    """Turn a signal into an exception, so that all is put in order."""
    sys.exit(128 + number)


def main(argv=None):
    args = parse_arguments(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, raise_exit)
    try:
        sha256 = prepare(args)
        if args.iso:
            make_iso(args)
        return run_gdb(args) if args.gdb else run_console(args, sha256)
    except SetupError as error:
        print(f"scripts/run.py: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, BrokenPipeError):
        return 130


if __name__ == "__main__":
    sys.exit(main())
