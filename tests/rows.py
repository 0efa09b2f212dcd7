"""The rows of tests.cfg: one machine each, and what must happen on it."""

import configparser
import dataclasses
import fnmatch
import os
import re
import shlex

import matrix
import qemu

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

BASE_ROW = "default"
BOOTS = ("kernel", "iso", "nomagic", "earlytrap")
SETS = ("fast", "all")

# What the ISO that `make` builds carries as its kernel command line.
ISO_COMMAND_LINE = "test=*"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a machine, a kernel command line, an outcome."""

    name: str
    smp: int = 4
    memory: str = "2G"
    cpu: str = "max"
    mode: str = "mttcg"
    boot: str = "kernel"
    test: str = "*"
    append: str = ""
    seed: str = ""
    exit: int = qemu.EXIT_PASSED
    timeout: int = 60
    machine: str = ""
    qemu: str = ""
    expect: tuple = ()
    set: str = "fast"
    twice: bool = False
    prompt: bool = False

    @property
    def command_line(self):
        """The words that the kernel is given."""
        words = [f"test={self.test}"] if self.test else []
        words += [self.append] if self.append else []
        words += [f"seed={self.seed}"] if self.seed else []
        return " ".join(words)

    @property
    def counts_tests(self):
        """True if the row's results are its tests; else the row is one."""
        return self.exit == qemu.EXIT_PASSED and not self.prompt

    @property
    def is_special(self):
        """True if options alone cannot describe it; it needs ROW=."""
        return bool(self.boot != "kernel" or self.machine or self.qemu
                    or self.twice or not self.counts_tests)

    def weight(self, jobs):
        """Return how many of `jobs` host CPUs it keeps busy."""
        busy = min(int(self.smp), 2) if self.mode == "mttcg" else 1
        return min(busy, jobs)


# How `make repro` and the runner's options call the fields of a row.
MAKE_VARIABLES = {"test": "TEST", "smp": "SMP", "memory": "MEM",
                  "cpu": "CPU", "mode": "MODE", "seed": "SEED",
                  "append": "APPEND"}


def load(path, kernel=None, qemu_path=qemu.QEMU, base=BASE_ROW):
    """Return the rows of a configuration file by name, in its order.

    The kernel is booted if a section is one row for each of its bugs. A row
    named `base` must be there; None: any will do.
    """
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
        rows = {}
        for name in parser.sections():
            keys = dict(parser[name])
            if _convert(bool, keys.pop("matrix", "no")):
                rows.update((row.name, row) for row in _bug_rows(
                    name, keys, matrix.read(kernel, qemu_path)))
            else:
                rows[name] = _parse_row(name, keys)
    except OSError as error:
        raise qemu.SetupError(
            f"cannot read the table of rows: {error}") from error
    except (configparser.Error, KeyError, ValueError) as error:
        raise qemu.SetupError(f"{path}: {error}") from error
    if base is not None and base not in rows:
        raise qemu.SetupError(f"{path}: there is no row [{base}]")
    return rows


def _parse_row(name, section):
    """Turn one section of the file into a checked Row."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
        raise ValueError(f"[{name}]: a row is named with A-Z a-z 0-9 _ . -")
    fields = {field.name: field.type for field in dataclasses.fields(Row)}
    values = {}
    for key, text in section.items():
        if key not in fields or key == "name":
            raise ValueError(f"[{name}]: there is no key '{key}'")
        try:
            values[key] = _convert(fields[key], text)
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"[{name}]: '{text}' is no value for {key}") from error
    row = Row(name=name, **values)
    _check_choices(row)
    return row


def _bug_rows(name, keys, bugs):
    """Return a row for each bug, made of the section's keys and the bug.

    A kernel that lists none gets one row, which fails and shows its end.
    """
    bugs = bugs or [matrix.Bug("list", "", "what it lists", "")]
    for bug in bugs:
        append = f"panic={bug.name} {keys.get('append', '')} {bug.options}"
        yield _parse_row(name.replace("*", bug.name), {
            **keys, "append": " ".join(append.split()),
            "exit": str(qemu.EXIT_PANIC), "expect": "\n".join(bug.patterns)})


def _convert(kind, text):
    if kind is bool:
        return configparser.ConfigParser.BOOLEAN_STATES[text.lower()]
    if kind is tuple:
        return tuple(line for line in text.splitlines() if line)
    return kind(text)


def _check_choices(row):
    for key, choices in (("mode", qemu.MODES), ("boot", BOOTS),
                         ("set", SETS)):
        if getattr(row, key) not in choices:
            raise ValueError(f"[{row.name}]: {key} must be one of "
                             + ", ".join(choices))
    qemu.parse_size(row.memory)
    for pattern in row.expect:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"[{row.name}]: /{pattern}/ is not a regular "
                             f"expression: {error}") from error


def select(rows, globs, chosen_set):
    """Return the rows whose names match, or else those of the set."""
    if not globs:
        return [row for row in rows.values()
                if chosen_set == "all" or row.set == "fast"]
    chosen = {}
    for glob in globs.split(","):
        names = fnmatch.filter(rows, glob.strip())
        if not names:
            raise qemu.SetupError(
                f"no row is called '{glob}'; --list shows them all")
        chosen.update((name, rows[name]) for name in names)
    return list(chosen.values())


def reproduction(row, rows, test=None):
    """Return the `make` line that repeats `row`, or just one test of it.

    Only what differs from the default row is named. `row` may have been
    changed by options, so it is compared with what the file says.
    """
    wanted = dataclasses.replace(row, test=test or row.test)
    words = ["make", "repro"]
    base = rows[BASE_ROW]
    if row.is_special:
        base = rows[row.name]
        words.append(f"ROW={row.name}")
    for field, variable in MAKE_VARIABLES.items():
        value = getattr(wanted, field)
        if value != getattr(base, field):
            words.append(f"{variable}={shlex.quote(str(value))}")
    return " ".join(words)


def image(row, kernel):
    """Return the file that a row boots, given the path of the kernel."""
    stem, extension = os.path.splitext(kernel)
    if row.boot in ("nomagic", "earlytrap"):
        return f"{stem}-{row.boot}{extension}"
    if row.boot == "iso" and row.command_line == ISO_COMMAND_LINE:
        return os.path.join(os.path.dirname(kernel), "test.iso")
    return kernel


def boot_args(row, boot_image):
    """Return the arguments that start `boot_image` on the row's machine."""
    args = (qemu.machine_args(row.smp, row.memory, row.cpu, row.mode,
                              row.machine)
            + qemu.console_args() + shlex.split(row.qemu))
    if row.boot == "iso":
        return args + ["-cdrom", boot_image]
    return args + ["-kernel", boot_image, "-append", row.command_line]
