"""What a mutant is tried on: machines and commands, in a copy of the project."""

import configparser
import os
import re
import shutil
import signal
import subprocess
import threading

import guest
import prove
import rows as table
from qemu import SetupError

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MACHINES = os.path.join(HERE, "machines.cfg")
COMMANDS = os.path.join(HERE, "commands.cfg")
ROWS = os.path.join(ROOT, "tests", "tests.cfg")
KERNEL = os.path.join(ROOT, "build", "ephemera.elf")
COMMAND_SECONDS = 900

# Set once what runs is ended from outside: how it came out says nothing then.
ending = threading.Event()

# The commands that run.
_commands = set()


class Command:
    """A command of commands.cfg."""

    def __init__(self, name, section):
        self.name = name
        self.build = section["build"]
        self.run = section["run"].replace("\n", " ")
        self.killer = re.compile(section["killer"], re.MULTILINE)

    def kill(self, tree, log):
        """Return the names of what failed; empty if nothing did."""
        with open(log, "w+", encoding="utf-8", errors="replace") as file:
            if subprocess.run(self.build, shell=True, cwd=tree, stdout=file,
                              stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL).returncode != 0:
                raise SetupError(f"{self.name} does not build: see {log}")
            process = subprocess.Popen(
                self.run, shell=True, cwd=tree, stdout=file,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True)
            _commands.add(process)
            try:
                process.wait(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                return [f"{self.name}.hangs"]
            finally:
                _end_group(process, signal.SIGKILL)
                _commands.discard(process)
            if process.returncode == 0:
                return []
            file.seek(0)
            names = self.killer.findall(file.read()) or ["fails"]
            return [name if "." in name else f"{self.name}.{name}"
                    for name in sorted(set(names))]


def _end_group(process, number):
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass
    process.wait()


def end_all():
    """End what is being tried: commands end their own guests."""
    ending.set()
    for process in list(_commands):
        _end_group(process, signal.SIGTERM)
    guest.kill_all()


class Machine:
    """A row of tests.cfg or machines.cfg."""

    def __init__(self, row, qemu_path):
        self.name = row.name
        self.row = row
        self.qemu_path = qemu_path

    def kill(self, tree, log):
        """Return the names of what failed; empty if nothing did."""
        runner = guest.RowRunner(
            self.row, os.path.join(tree, "build", "ephemera.elf"),
            self.qemu_path, os.path.dirname(log))
        runner.run()
        outcome = runner.outcome
        if outcome.ok:
            return []
        names = [case.name for case in outcome.failed_cases]
        if runner.report.running and runner.report.running not in names:
            names.append(runner.report.running)
        return names or ["the end: " + _short(outcome.reason)]


def _short(reason):
    return re.sub(r"\s+", " ", reason)[:70]


def load_machines(qemu_path):
    """Return machines and commands by name."""
    rows = table.load(ROWS, KERNEL, qemu_path) | table.load(MACHINES)
    config = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    with open(COMMANDS, encoding="utf-8") as file:
        config.read_file(file)
    machines = {name: Machine(row, qemu_path) for name, row in rows.items()}
    return machines | {name: Command(name, config[name])
                       for name in config.sections()}


class Tree:
    """A copy of the project, into which one patch at a time is put."""

    def __init__(self, path):
        self.path = path

    def prepare(self):
        """Copy the project's files that differ from those there."""
        wanted = set(prove.tracked_files())
        for name in wanted:
            _copy_if_other(os.path.join(ROOT, name),
                           os.path.join(self.path, name))
        for folder, _, names in os.walk(self.path):
            inside = os.path.relpath(folder, self.path)
            if inside.split(os.sep)[0] in ("build", ".git"):
                continue
            for name in names:
                if os.path.normpath(os.path.join(inside, name)) not in wanted:
                    os.unlink(os.path.join(folder, name))
        # No repository of its own: the patches must not see the project's.
        subprocess.run(["git", "init", "-q", self.path], check=True)

    def make(self, log):
        return subprocess.run(
            ["make", "-s", "build/ephemera.elf"], cwd=self.path, stdout=log,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            check=False).returncode == 0

    def apply(self, mutant, log):
        return mutant.path is None or subprocess.run(
            ["git", "apply", "--whitespace=nowarn", mutant.path],
            cwd=self.path, stdout=log, stderr=subprocess.STDOUT,
            check=False).returncode == 0

    def restore(self, mutant):
        for name in mutant.files():
            shutil.copyfile(os.path.join(ROOT, name),
                            os.path.join(self.path, name))


def _copy_if_other(source, target):
    if not os.path.isfile(source):
        return
    try:
        with open(source, "rb") as a, open(target, "rb") as b:
            if a.read() == b.read():
                return
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, target)
    os.utime(target)
