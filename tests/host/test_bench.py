#!/usr/bin/env python3
"""Tests of scripts/bench.py: what it reads, what it makes of it, how it ends.

A fake QEMU, a few lines of shell, prints what a kernel would.
"""
import contextlib
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "scripts" / "bench.py"
sys.path.insert(0, str(TOOL.parent))

import bench  # noqa: E402
import bench_cases  # noqa: E402
import bench_goals  # noqa: E402
import bench_machine  # noqa: E402
import bench_run  # noqa: E402
import bench_tables  # noqa: E402

FIELDS = {"engine": "sf_buf", "cpus": 1, "ops": 4096, "instructions": 413696,
          "hits": 0, "misses": 4096, "waits": 0, "rounds": 4, "ipis": 12,
          "invlpg": 4096, "invlpg_remote": 0, "cr3_reloads": 16,
          "reloads_remote": 12, "pte_writes": 4096, "sweeps": 4,
          "engine_locks": 0, "contended": 0, "switches": 0, "counted": 4096, "spoiled": 0}
TIMES = {"engine": "sf_buf", "cpus": 2, "ops": 40960, "counted": 40960,
         "contended": 4096, "ps": 60000, "least_ps": 50000, "most_ps": 80000, "empty_ps": 10000}


def write(name, fields):
    return f"BENCH {name} " + " ".join(f"{k}={v}" for k, v in fields.items())


def line(name="sf_buf.shared_miss", **changes):
    return write(name, {**FIELDS, **changes})


def times_line(name="sf_buf.shared_hit_all", **changes):
    return write(name, {**TIMES, **changes})


def case(name="sf_buf.shared_miss", window=1024, **changes):
    return bench_cases.parse_line(line(name, **changes), window)


def times(name="sf_buf.shared_hit_all", **changes):
    return bench_cases.parse_line(times_line(name, **changes))


def scaling(**best):
    """Cases with least picoseconds by CPUs: scaling(c1=50000, c2=...)."""
    return [times(cpus=int(name[1:]), least_ps=ps, ps=ps, most_ps=ps)
            for name, ps in best.items()]


class Lines(unittest.TestCase):
    def test_totals_become_figures_for_one_operation(self):
        parsed = case()
        self.assertEqual((parsed.name, parsed.engine, parsed.cpus,
                          parsed.mode),
                         ("sf_buf.shared_miss", "sf_buf", 1, "icount"))
        self.assertEqual(parsed.figures["instructions"], 101.0)
        self.assertEqual(parsed.figures["invlpg"], 1.0)
        self.assertEqual(parsed.doubts, "")

    def test_what_is_rare_keeps_its_digits(self):
        self.assertEqual(case(ops=262144, counted=262144, rounds=71)
                         .figures["rounds"], 0.000270844)

    def test_another_window_is_in_the_name(self):
        parsed = case("sf_buf.nowait_full", window=65536)
        self.assertEqual(parsed.name, "sf_buf.nowait_full_65536")
        self.assertEqual(bench_cases.split_name(parsed.name),
                         ("sf_buf.nowait_full", 65536))
        self.assertEqual(bench_cases.split_name(case().name)[1], 1024)

    def test_picoseconds_become_nanoseconds_without_the_loop(self):
        parsed = times()
        self.assertEqual(parsed.mode, "mttcg")
        self.assertEqual(parsed.figures["ns"], 50.0)
        self.assertEqual(parsed.spread, (40.0, 70.0))

    def test_throughput_is_the_best_of_all_cpus_with_the_loop(self):
        self.assertEqual(times().figures["throughput"], 40.0)

    def test_times_out_of_order_are_an_error(self):
        with self.assertRaisesRegex(bench_cases.BenchError, "order"):
            times(least_ps=70000)

    def test_other_lines_are_passed_over(self):
        for other in ("", "CPUs     4 of 4", "BENCH plan cases=9",
                      " " + line(), "x" + line(), "BENCH", "BENCH sf_buf.x"):
            self.assertIsNone(bench_cases.parse_line(other), other)

    def test_a_line_without_a_field_is_an_error(self):
        short = line().replace(" rounds=4", "")
        with self.assertRaisesRegex(bench_cases.BenchError, "rounds"):
            bench_cases.parse_line(short)

    def test_a_line_with_a_broken_number_is_an_error(self):
        with self.assertRaisesRegex(bench_cases.BenchError, "rebuild"):
            case(instructions="many")

    def test_no_operation_is_an_error(self):
        with self.assertRaisesRegex(bench_cases.BenchError, "no operation"):
            case(ops=0)

    def test_figures_that_do_not_hold_are_doubted(self):
        self.assertIn("4000 of 4096", case(counted=4000).doubts)
        self.assertIn("timer", case(spoiled=1).doubts)
        self.assertIn("9 of 40960", times(counted=9).doubts)


class Plugin(unittest.TestCase):
    LOOP = "PLUGIN sums locked=8304 locks=16 lines=1 overflow=0"
    EMPTY = "PLUGIN sums locked=112 locks=16 lines=0 overflow=0"
    SHARED = "PLUGIN line va=c0000124 writers=c0000004,c0000010"

    def add(self, *lines, name="sf_buf.shared_hit_all", cpus=2):
        counted, of = bench_cases.Counted(), case(name, cpus=cpus)
        for text in lines:
            counted.read(text)
        counted.add_to(of)
        return of

    def test_the_empty_loop_is_taken_off(self):
        figures = self.add(self.LOOP, self.EMPTY).figures
        self.assertEqual((figures["locked_ops"], figures["locks"]), (2.0, 0))

    def test_lines_count_where_several_cpus_work(self):
        of = self.add(self.SHARED, self.LOOP, self.EMPTY)
        self.assertEqual(of.figures["shared_lines"], 1)
        self.assertEqual(of.lines, [(0xc0000124, 0xc0000004, 0xc0000010)])
        for name, cpus in (("sf_buf.shared_hit", 2),
                           ("sf_buf.shared_hit_all", 1)):
            self.assertNotIn("shared_lines",
                             self.add(self.LOOP, self.EMPTY, name=name,
                                      cpus=cpus).figures)

    def test_lines_of_the_empty_loop_are_not_the_operations(self):
        self.assertEqual(self.add(self.LOOP, self.SHARED, self.EMPTY).lines,
                         [])

    def test_without_it_its_figures_are_missing(self):
        self.assertNotIn("locked_ops", self.add().figures)

    def test_half_of_it_is_an_error(self):
        with self.assertRaisesRegex(bench_cases.BenchError, "1 sums"):
            self.add(self.LOOP)

    def test_too_many_lines_are_doubted(self):
        self.assertIn("lines", self.add(
            self.LOOP.replace("overflow=0", "overflow=1"), self.EMPTY).doubts)

    SYMBOLS = bench_machine.Symbols("c0000000 T alloc\nc0000100 b pool\n"
                                    "c0000200 B end\n")

    def test_a_shared_line_is_named(self):
        text = "\n".join(bench_tables.shared_line_lines(
            [self.add(self.SHARED, self.LOOP, self.EMPTY)], self.SYMBOLS))
        self.assertIn("line c0000100 (pool+0x24), written by alloc+0x4 and "
                      "alloc+0x10", text)

    def test_an_address_outside_the_image_is_a_number(self):
        self.assertIn("0xbf000000", self.SYMBOLS.name(0xbf000000))
        self.assertIn("0xfdff0000", self.SYMBOLS.name(0xfdff0000))

    def test_one_that_is_not_built_is_said(self):
        found, why = bench_machine.plugin_args("/nowhere/plugin.so", "qemu",
                                               self.SYMBOLS)
        self.assertEqual(found, [])
        self.assertIn("/nowhere/plugin.so is missing", why)

    def test_a_kernel_without_marks_is_said(self):
        found, why = bench_machine.plugin_args(__file__, "qemu",
                                               self.SYMBOLS)
        self.assertEqual(found, [])
        self.assertIn("no bench_mark_begin in the kernel", why)

    def test_a_qemu_without_plugins_is_said_in_one_line(self):
        names = [*bench_machine.MARKS.values(), "spin_lock"]
        symbols = bench_machine.Symbols("".join(
            f"c00000{i:02x} T {name}\n" for i, name in enumerate(names)))
        found, why = bench_machine.plugin_args(__file__, "false", symbols)
        self.assertEqual(found, [])
        self.assertRegex(why, "^this QEMU does not load the plugin .*; "
                         "locked_ops, locks and shared_lines are left out$")


class Passes(unittest.TestCase):
    def plan(self, globs="*", counts=(1, 2), modes=bench.MODES):
        return bench_machine.plan(globs, list(counts), modes)

    def test_everything_is_measured_in_both_ways(self):
        self.assertEqual(
            [(p.what, p.cpus, p.window) for p in self.plan()],
            [("cost", 1, 1024), ("cost", 2, 1024), ("cost", 2, 4096),
             ("cost", 1, 65536),
             ("time", 1, 1024), ("time", 2, 1024), ("time", 2, 4096),
             ("time", 1, 65536),
             ("scaling", 16, 1024)])

    def test_one_mode_alone(self):
        self.assertEqual({p.mode for p in self.plan(modes=["icount"])},
                         {"icount"})

    def test_a_large_window_has_the_cases_that_match(self):
        for glob in ("*nowait*", "sf_buf.nowait_full_65536"):
            self.assertEqual([p.globs for p in self.plan(glob)
                              if p.window == 65536],
                             ["sf_buf.nowait_full"] * 2, glob)
        self.assertEqual([p for p in self.plan("sf_buf.direct")
                          if p.window != 1024], [])

    def test_scaling_is_of_hits(self):
        self.assertNotIn("scaling",
                         [p.what for p in self.plan("*.private_hit")])

    def test_each_has_a_log_of_its_own(self):
        names = [p.log_name for p in self.plan()]
        self.assertEqual(len(set(names)), len(names))
        self.assertIn("console-1.log", names)
        self.assertIn("console-2-4096-time.log", names)


class Progress(unittest.TestCase):
    def test_it_ends_with_nothing_left(self):
        passes = bench_machine.plan("*", [1, 2], bench.MODES)
        progress = bench_run.Progress(passes, at_once=2)
        machine = bench_machine.Machine.__new__(bench_machine.Machine)
        before = -1
        with contextlib.redirect_stdout(io.StringIO()):
            for which in passes:
                machine.which, machine.planned = which, 2
                for machine.cases in ([case()], [case()] * 2):
                    progress.show(machine)
                    self.assertGreaterEqual(progress.done(), before)
                    before = progress.done()
                progress.over(machine)
        self.assertAlmostEqual(before, 1.0)
        self.assertAlmostEqual(progress.done(), 1.0)


class Results(unittest.TestCase):
    def test_a_row_names_all_that_is_needed_to_compare_it(self):
        self.assertEqual(
            bench_tables.rows([case(cpus=4)])[0],
            {"bench": "sf_buf.shared_miss", "engine": "sf_buf", "cpus": 4,
             "mode": "icount", "metric": "instructions", "unit": "instr/op",
             "value": 101.0})

    def test_every_metric_has_a_row(self):
        self.assertEqual([row["metric"] for row in
                          bench_tables.rows([case()])],
                         ["instructions", "hits", "misses", "waits",
                          "rounds", "ipis", "invlpg", "invlpg_local",
                          "invlpg_remote", "cr3_reloads", "flushes_local",
                          "flushes_remote", "pte_writes", "sweeps",
                          "switches", "contended"])

    def test_what_others_asked_for_is_told_apart(self):
        figures = case(ops=4, invlpg=12, invlpg_remote=8, cr3_reloads=4,
                       reloads_remote=3).figures
        self.assertEqual([figures[name] for name in (
            "invlpg_local", "invlpg_remote", "flushes_local",
            "flushes_remote")], [1, 2, 0.25, 0.75])

    def test_times_and_scaling_have_rows_of_their_own(self):
        found = bench_tables.rows([times()], [times(cpus=16)])
        self.assertEqual([(row["metric"], row["mode"], row["unit"],
                           row["cpus"], row["value"]) for row in found],
                         [("contended", "mttcg", "contended/op", 2, 0.1),
                          ("ns", "mttcg", "ns/op", 2, 50.0),
                          ("throughput", "mttcg", "Mop/s", 16, 320.0)])

    def test_both_files_have_the_same_rows(self):
        table = bench_tables.rows([case(), case("sf_buf.direct", cpus=8)])
        with tempfile.TemporaryDirectory() as folder:
            bench_tables.write_results(folder, table)
            self.assertEqual(sorted(os.listdir(folder)),
                             ["results.csv", "results.json"])
            with open(f"{folder}/results.json", encoding="utf-8") as file:
                from_json = json.load(file)
            with open(f"{folder}/results.csv", encoding="utf-8") as file:
                from_csv = list(csv.DictReader(file))
        self.assertEqual(from_json, table)
        self.assertEqual(from_csv, [{k: str(v) for k, v in row.items()}
                                    for row in from_json])


class Bars(unittest.TestCase):
    def missed(self, metric, *cases):
        return bench_tables.Judge(cases).missed(cases[-1], metric)

    def test_on_more_cpus_the_bar_is_another(self):
        for cpus, limit in ((1, 95), (2, 98), (8, 98)):
            bars = bench_goals.bars("sf_buf.shared_miss", cpus)
            self.assertEqual(bars["instructions"].limit, limit)

    def test_the_bar_itself_is_met_and_more_is_not(self):
        self.assertFalse(self.missed("instructions",
                                     case(instructions=95 * 4096)))
        self.assertTrue(self.missed("instructions",
                                    case(instructions=95 * 4096 + 100)))

    def test_exactly_two_locked_operations(self):
        for locked, missed in ((2.0, False), (1.0, True), (3.0, True)):
            hit = case("sf_buf.shared_hit")
            hit.figures["locked_ops"] = locked
            self.assertEqual(self.missed("locked_ops", hit), missed)

    def test_the_count_must_be_that_of_one_cpu(self):
        name = "sf_buf.shared_hit_all"
        one = case(name, instructions=40 * 4096)
        for each, missed in ((40, False), (42, True), (38, True)):
            two = case(name, cpus=2, instructions=each * 4096)
            self.assertEqual(self.missed("instructions", one, two), missed)

    def test_a_round_serves_nearly_all_inactive_buffers(self):
        name = "sf_buf.shared_miss_busy"
        for window, rounds, missed in ((1024, 281, False), (1024, 282, True),
                                       (4096, 70, False), (4096, 71, True)):
            self.assertEqual(self.missed("rounds", case(
                name, window, cpus=2, ops=262144, counted=262144,
                rounds=rounds)), missed, (window, rounds))

    def test_first_use_tells_nobody(self):
        self.assertTrue(self.missed("rounds", case("sf_buf.first_use")))
        self.assertTrue(self.missed("invlpg", case("sf_buf.first_use")))

    def test_a_private_miss_is_one_entry_and_no_interrupt(self):
        miss = case("sf_buf.private_miss", cpus=8)
        self.assertTrue(self.missed("ipis", miss))
        self.assertFalse(self.missed("pte_writes", miss))
        self.assertFalse(self.missed("invlpg", miss))

    def test_a_large_window_has_the_same_bar(self):
        self.assertEqual(bench_goals.bars("sf_buf.shared_miss_scarce_65536",
                                          8)["instructions"].limit, 350)

    def test_what_has_no_bar_or_no_figure_is_not_judged(self):
        self.assertIsNone(self.missed("rounds", case("sf_buf.direct")))
        self.assertIsNone(self.missed("locks", case("sf_buf.shared_hit")))
        self.assertEqual(bench_goals.bars("other.case", 1), {})


class Table(unittest.TestCase):
    def text(self, *cases):
        return "\n".join(bench_tables.instruction_lines(cases)
                         + bench_tables.event_lines(cases)
                         + bench_tables.summary_lines(cases))

    def test_a_bar_that_is_not_met_is_marked(self):
        self.assertIn("95!", self.text(case(rounds=0)))
        self.assertIn("1 of 2 bars met", self.text(case(rounds=0)))

    def test_a_bar_that_is_met_is_not(self):
        text = self.text(case(instructions=95 * 4096, rounds=0))
        self.assertNotIn("!", text)
        self.assertIn("2 of 2 bars met", text)

    def test_the_aim_and_others_stand_beside_it(self):
        self.assertRegex(self.text(case(cpus=2)),
                         r"98! +74 +531 +448 +660 +365")

    def test_rare_events_and_their_bar_can_be_read(self):
        self.assertIn("0.000977/0.001074 ", self.text(case()))

    def test_a_case_without_bar_or_others_is_shown(self):
        self.assertRegex(self.text(case("sf_buf.unheard_of")),
                         r"unheard_of +1 +101 +- +- +- +- +- ")

    def test_what_the_plugin_did_not_count_is_a_dash(self):
        self.assertRegex(self.text(case("sf_buf.direct")), r"direct +1 +- +-")

    def test_cpu_counts_of_a_case_stand_together(self):
        lines = bench_tables.instruction_lines(
            [case("a.x", cpus=1), case("a.y", cpus=1), case("a.x", cpus=2),
             case("a.y", cpus=2)])
        self.assertEqual([text[:3] for text in lines[2:]],
                         ["a.x", "   ", "a.y", "   "])

    def test_a_doubt_is_said(self):
        self.assertIn("? 9 of 4096", self.text(case(counted=9)))

    def test_times_stand_by_cpus(self):
        text = "\n".join(bench_tables.time_lines(
            [times(cpus=1), times(cpus=2), times("sf_buf.direct", cpus=2)]))
        self.assertRegex(text, r"1 CPU +2 CPUs")
        self.assertRegex(text, r"hit_all +50\.0 +40\.0-70\.0 +50\.0")
        self.assertRegex(text, r"direct +- +50\.0")


class Scaling(unittest.TestCase):
    GOOD = {"c1": 50000, "c2": 52000, "c4": 104000, "c16": 420000}

    def text(self, host_cpus=2, **best):
        return "\n".join(
            bench_tables.scaling_lines(scaling(**best), host_cpus)
            + bench_tables.summary_lines([], (), scaling(**best), host_cpus))

    def test_two_cpus_are_compared_with_one_and_sixteen_with_two(self):
        text = self.text(**self.GOOD)
        self.assertRegex(text, r"2 +38\.46 .* 1\.92 of 1 +1\.8\n")
        self.assertRegex(text, r"16 +38\.10 .* 0\.99 of 2 +0\.8\n")
        self.assertIn("2 of 2 bars met", text)

    def test_a_bar_that_is_not_met_is_marked(self):
        self.assertRegex(self.text(**{**self.GOOD, "c2": 60000}),
                         r"1\.67 of 1 +1\.8!")

    def test_one_host_cpu_says_nothing_about_it(self):
        text = self.text(host_cpus=1, **{**self.GOOD, "c2": 100000})
        self.assertNotIn("!", text)
        self.assertIn("one CPU, so nothing can be said", text)
        self.assertIn("0 of 0 bars met", text)


class Endings(unittest.TestCase):
    """The whole tool, with a fake QEMU that plays a scene."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.out = self.folder / "out"

    def run_tool(self, script, *arguments):
        qemu = self.folder / "qemu"
        qemu.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        qemu.chmod(0o755)
        kernel = self.folder / "kernel"
        kernel.touch()
        return subprocess.run(
            [sys.executable, str(TOOL), "--qemu", str(qemu), "--kernel",
             str(kernel), "--out", str(self.out), "--cpus", "1", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60, check=False)

    def check(self, script, status, *phrases,
              arguments=("--mode", "icount", "--bench", "shared_miss")):
        done = self.run_tool(script, *arguments)
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertNotIn("Traceback", done.stdout)
        for phrase in phrases:
            self.assertIn(phrase, done.stdout)
        return done.stdout

    GOOD = f"echo BENCH plan cases=1; echo '{line()}'; exit 33"

    # Answers what it was asked for.
    BOTH = (f"case \"$*\" in *what=time*) echo BENCH plan cases=1; "
            f"echo '{times_line(cpus=1)}';; "
            f"*what=scaling*) echo BENCH plan cases=2; "
            f"echo '{times_line(cpus=1)}'; echo '{times_line(cpus=2)}';; "
            f"*) echo BENCH plan cases=1; "
            f"echo '{line('sf_buf.shared_hit_all')}';; esac; exit 33")

    def test_a_good_run_ends_well_bars_met_or_not(self):
        self.check(self.GOOD, 0, "sf_buf.shared_miss", "95!", "results.json")
        self.assertTrue((self.out / "results.json").is_file())

    def test_without_the_plugin_the_rest_is_there(self):
        text = self.check(self.GOOD, 0, "locked_ops, locks and shared_lines "
                          "are left out")
        self.assertEqual(text.count("left out"), 1)

    def test_both_modes_and_scaling(self):
        self.check(self.BOTH, 0, "1 CPU: 1 cases", "1 CPU, time: 1 cases",
                   "16 CPUs, scaling: 2 cases", "about 0 s left",
                   arguments=("--bench", "shared_hit_all"))
        with open(self.out / "results.json", encoding="utf-8") as file:
            metrics = [row["metric"] for row in json.load(file)]
        self.assertIn("instructions", metrics)
        self.assertEqual(metrics[-3:], ["ns", "throughput", "throughput"])

    def test_a_case_of_a_large_window_alone(self):
        script = ("case \"$*\" in *nsfbufs=65536*) echo BENCH plan cases=1; "
                  f"echo '{line('sf_buf.nowait_full')}'; exit 33;; esac; "
                  "echo '  sf_buf.direct sf_buf'; exit 41")
        self.check(script, 0, "sf_buf.nowait_full_65536",
                   arguments=("--mode", "icount", "--bench",
                              "nowait_full_65536"))

    def test_the_wrong_kind_of_line_fails(self):
        self.check(self.GOOD, 1, "something else than it was asked",
                   arguments=("--mode", "mttcg", "--bench", "shared_miss"))

    def test_a_panic_fails(self):
        self.check("exit 37", 1, "1 CPU ended badly: the kernel panicked")

    def test_a_reset_fails(self):
        self.check(self.GOOD.replace("33", "0"), 1, "triple fault")

    def test_a_missing_case_fails(self):
        self.check(self.GOOD.replace("cases=1", "cases=2"), 1,
                   "delivered 1 cases, but planned 2")

    def test_a_machine_of_another_size_fails(self):
        self.check(self.GOOD.replace("cpus=1", "cpus=2"), 1,
                   "started only 2")

    def test_a_name_that_does_not_exist_fails(self):
        self.check("echo '  sf_buf.direct sf_buf'; exit 41", 2,
                   "no benchmark of that name; there are sf_buf.direct")

    def test_a_kernel_that_is_missing_is_named(self):
        self.check(self.GOOD, 2, "run `make` first",
                   arguments=("--kernel", "/nowhere/ephemera.elf"))

    def test_a_qemu_that_is_missing_is_named(self):
        self.check(self.GOOD, 2, "no-such-qemu was not found",
                   arguments=("--qemu", "no-such-qemu"))

    def test_a_bad_list_of_cpus_is_explained(self):
        self.check(self.GOOD, 2, "'0,x' is not a list of CPU counts",
                   arguments=("--cpus", "0,x"))

    def test_a_name_that_cannot_be_is_explained(self):
        for bad in ("", "a b", "a,"):
            self.check(self.GOOD, 2, "cannot match a name",
                       arguments=("--bench", bad))

    def test_a_case_may_be_named_without_its_engine(self):
        self.check(f'echo "$@"; {self.GOOD}', 0)
        log = (self.out / "console-1.log").read_text(encoding="utf-8")
        self.assertIn("bench=*.shared_miss ", log)


if __name__ == "__main__":
    unittest.main()
