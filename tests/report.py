"""What a run leaves behind: the summary, JUnit, GitHub, Gradescope."""

import json
import os
import re
import xml.etree.ElementTree as xml

import guest
import ktap

# Everything that XML 1.0 cannot carry, even escaped.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# What a console line may do to the reader's terminal: nothing.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def counts(outcomes):
    """Return the very last line of a run."""
    return (f"{sum(o.passed for o in outcomes)} passed, "
            f"{sum(o.failed for o in outcomes)} failed, "
            f"{sum(o.skipped for o in outcomes)} skipped")


def verdict(outcome):
    return "ok" if outcome.ok else "FAIL"


def finished_line(outcome, number, total, width):
    """Return the line that says how one row ended."""
    position = f"[{number:{len(str(total))}}/{total}]"
    line = (f"{position} {outcome.row.name:{width}}  {verdict(outcome):4}  "
            f"{counts([outcome])}  {outcome.seconds:.1f} s")
    return line + (f"  ({outcome.note})" if outcome.note else "")


def failure_lines(outcome, reproduction):
    """Return what a reader needs to see of a failed row."""
    lines = [f"  ---- the end of {outcome.log}"]
    lines += ["  | " + CONTROL.sub("?", line)
              for line in guest.tail(outcome.log)]
    if outcome.extra_log:
        lines.append(f"  ---- the reset, from {outcome.extra_log}")
        lines += ["  | " + CONTROL.sub("?", line)
                  for line in reset_excerpt(outcome.extra_log)]
    lines.append("  ----")
    for case in outcome.failed_cases:
        lines.append(f"  failed: {case.name}"
                     + (f": {case.reason}" if case.reason else ""))
    lines += [f"  reason: {problem}"
              for problem in outcome.problems or [outcome.reason]]
    return lines + [f"  repeat: {reproduction}"]


def reset_excerpt(path):
    """Return the lines around the last 'Triple fault' in QEMU's log."""
    lines = guest.tail(path, 1000)
    marks = [i for i, line in enumerate(lines) if "Triple fault" in line]
    end = marks[-1] + 1 if marks else len(lines)
    return lines[max(0, end - guest.TAIL_LINES):end]


def table_lines(outcomes):
    """Return the table of all rows."""
    width = max([len(o.row.name) for o in outcomes] + [3])
    lines = [f"{'row':{width}}  result  passed  failed  skipped  seconds"]
    lines += [f"{o.row.name:{width}}  {verdict(o):6}  {o.passed:6}  "
              f"{o.failed:6}  {o.skipped:7}  {o.seconds:7.1f}"
              for o in outcomes]
    return lines


def case_text(case):
    return "\n".join(([case.reason] if case.reason else [])
                     + case.diagnostics) or "failed"


def results(outcomes):
    """Yield (row, test, status, seconds, text) for all that was counted.

    A row that fails with no failed test of its own is a result itself, and
    so is a row that has but one outcome.
    """
    for outcome in outcomes:
        for case in outcome.cases:
            text = "" if case.status == ktap.PASSED else case_text(case)
            yield (outcome.row.name, case.name, case.status, case.seconds,
                   text)
        status = ktap.FAILED if outcome.problems else ktap.PASSED
        if (not outcome.row.counts_tests
                or outcome.problems and not outcome.failed_cases):
            yield (outcome.row.name, "row." + outcome.row.name, status,
                   outcome.seconds, "\n".join(outcome.problems))


def write_junit(path, outcomes):
    """Write JUnit XML: a suite for each row."""
    top = xml.Element("testsuites", name="ephemera")
    for outcome in outcomes:
        suite = xml.SubElement(
            top, "testsuite", name=outcome.row.name,
            tests=str(outcome.passed + outcome.failed + outcome.skipped),
            failures=str(outcome.failed), skipped=str(outcome.skipped),
            errors="0", time=f"{outcome.seconds:.3f}")
        for row, name, status, seconds, text in results([outcome]):
            suite_name, _, test = name.partition(".")
            case = xml.SubElement(suite, "testcase", name=test,
                                  classname=f"{row}.{suite_name}",
                                  time=f"{seconds:.3f}")
            _add_status(case, status, NOT_XML.sub("?", text))
    _write_atomically(path, xml.tostring(top, encoding="utf-8",
                                         xml_declaration=True))


def _add_status(case, status, text):
    first_line = text.split("\n")[0]
    if status == ktap.FAILED:
        xml.SubElement(case, "failure", message=first_line).text = text
    elif status == ktap.SKIPPED:
        xml.SubElement(case, "skipped", message=first_line)


def write_gradescope(path, outcomes):
    """Write Gradescope's results.json: a point for each passed test."""
    tests = []
    for row, name, status, _seconds, text in results(outcomes):
        test = {"name": f"{row}: {name}",
                "score": 1 if status == ktap.PASSED else 0,
                "max_score": 0 if status == ktap.SKIPPED else 1,
                "output": text}
        if status != ktap.SKIPPED:
            test["status"] = status
        tests.append(test)
    content = {"score": sum(test["score"] for test in tests),
               "output": counts(outcomes), "tests": tests}
    _write_atomically(path, json.dumps(content, indent=1).encode() + b"\n")


def github_line(outcome, reproduction):
    """Return the workflow command that marks a failed row on GitHub."""
    message = (f"{outcome.row.name}: {outcome.reason}\n"
               f"repeat: {reproduction}")
    for char, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        message = message.replace(char, code)
    return f"::error title=row {outcome.row.name} failed::{message}"


def _write_atomically(path, data):
    """Write a file so that a reader sees all of it or the old one."""
    temporary = f"{path}.tmp"
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)
