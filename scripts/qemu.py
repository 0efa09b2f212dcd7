"""What every host tool has to know about QEMU: arguments and exit codes.

The tools that boot the kernel (tests/run.py, scripts/run.py) differ in what
they do with the console. How the machine itself is put together, and what
its exit code means, is said once, here.
"""

import re
import shutil

QEMU = "qemu-system-i386"

MODES = ("mttcg", "single", "icount")

# The kernel writes v to port 0xf4 and QEMU exits with (v << 1) | 1.
EXIT_PASSED = 33
EXIT_FAILED = 35
EXIT_PANIC = 37
EXIT_WATCHDOG = 39
EXIT_NOTHING_RAN = 41
EXIT_UNFIT_MACHINE = 43
EXIT_RESET = 0

EXIT_MEANINGS = {
    EXIT_RESET: "the machine was reset, most likely by a triple fault",
    1: "QEMU itself stopped with an error",
    EXIT_PASSED: "all passed",
    EXIT_FAILED: "a test failed",
    EXIT_PANIC: "the kernel panicked",
    EXIT_WATCHDOG: "the kernel's watchdog found it hanging",
    EXIT_NOTHING_RAN: "nothing ran: no test matched the filter",
    EXIT_UNFIT_MACHINE: "the kernel says that it cannot run on this machine",
}

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30

# From this size on the host must not have to reserve the guest's memory.
UNRESERVED_BYTES = 4 * GIBIBYTE

# What machines the kernel runs on.
MAX_CPUS = 255
LEAST_BYTES = 11 * MEBIBYTE
MOST_BYTES = 60 * GIBIBYTE


class SetupError(Exception):
    """Something outside the kernel is wrong; the text says what to do."""


def describe_exit(code):
    """Return in words what QEMU's exit code (or a negative signal) means."""
    if code is None:
        return "QEMU had to be stopped"
    if code < 0:
        return f"QEMU itself was killed by signal {-code}"
    return EXIT_MEANINGS.get(code, "an exit code that the kernel never uses")


def find_qemu(name=QEMU):
    """Return the path of the QEMU binary, or raise SetupError."""
    path = shutil.which(name)
    if path is None:
        raise SetupError(
            f"{name} was not found; `scripts/setup.sh doctor` "
            "says how to install it")
    return path


def parse_size(text):
    """Return the bytes meant by '512M', '2G' or '64' (mebibytes, as -m)."""
    match = re.fullmatch(r"(\d+)([KMGT]?)i?B?", text.strip(), re.IGNORECASE)
    if match is None or int(match[1]) == 0:
        raise SetupError(
            f"'{text}' is not an amount of memory; write it like 512M or 2G")
    return int(match[1]) << {"K": 10, "": 20, "M": 20, "G": 30,
                             "T": 40}[match[2].upper()]


def check_machine(smp, memory):
    """Say so if no machine of this size can run the kernel."""
    if not str(smp).isdigit() or not 1 <= int(smp) <= MAX_CPUS:
        raise SetupError(f"SMP={smp}: a machine has 1 to {MAX_CPUS} CPUs")
    if parse_size(memory) < LEAST_BYTES:
        raise SetupError(f"MEM={memory}: the kernel needs "
                         f"{LEAST_BYTES // MEBIBYTE}M")
    if parse_size(memory) > MOST_BYTES:
        raise SetupError(f"MEM={memory}: QEMU's machine holds at most "
                         f"{MOST_BYTES >> 30}G")


def accelerator_args(mode):
    """Return the arguments that choose how QEMU runs the guest's CPUs.

    'icount' makes time a count of instructions; with the clock and the seed
    fixed as well, two runs print the same bytes.
    """
    if mode == "mttcg":
        return ["-accel", "tcg,thread=multi"]
    if mode == "single":
        return ["-accel", "tcg,thread=single"]
    if mode == "icount":
        return ["-accel", "tcg,thread=single",
                "-icount", "shift=0,sleep=off",
                "-rtc", "base=2000-01-01,clock=vm", "-seed", "1"]
    raise SetupError(f"'{mode}' is not a mode; choose one of "
                     + ", ".join(MODES))


def memory_args(memory, machine=""):
    """Return -m and -machine for `memory` and extra machine properties."""
    properties = ["pc"] + ([machine] if machine else [])
    args = ["-m", memory]
    if parse_size(memory) >= UNRESERVED_BYTES:
        args += ["-object", "memory-backend-ram,id=m0,reserve=off,"
                            f"size={parse_size(memory)}"]
        properties.append("memory-backend=m0")
    return args + ["-machine", ",".join(properties)]


def machine_args(smp, memory, cpu="max", mode="mttcg", machine=""):
    """Return the arguments for the bare machine: no serial ports, no boot."""
    return (accelerator_args(mode)
            + ["-cpu", cpu, "-smp", str(smp)]
            + memory_args(memory, machine)
            + ["-nodefaults", "-vga", "none", "-display", "none",
               "-no-reboot", "-device",
               "isa-debug-exit,iobase=0xf4,iosize=0x04"])


def console_args(second="null"):
    """Return the serial ports: COM1 on QEMU's stdin and stdout, then COM2."""
    return ["-chardev", "stdio,id=com1,signal=off",
            "-serial", "chardev:com1", "-serial", second]
