#!/usr/bin/env python3
"""How benchmarks are measured and reported, without a testbed."""
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TESTS / "bench"), str(TESTS / "e2e")]

import bench_storage  # noqa: E402  the folders above are what makes them importable
import report  # noqa: E402
import rounds  # noqa: E402
import suite  # noqa: E402


class Scripted(rounds.Benchmark):
    """Gives what it is told to, and writes down what it is asked for."""
    name, unit, limit, rounds = "scripted", "ms", 0.5, 3

    def __init__(self, reference, ours, limit=0.5):
        self.limit = limit
        self.asked = []
        self._values = {"reference": list(reference), "ours": list(ours)}

    def set_up(self):
        self.asked.append("set_up")

    def prepare(self):
        self.asked.append("prepare")

    def reference(self):
        return self._next("reference")

    def ours(self):
        return self._next("ours")

    def _next(self, side):
        self.asked.append(side)
        value = self._values[side].pop(0)
        return rounds.Sample(value, {"half": value / 2, "rest": value / 2})


def quiet(_):
    pass


def entry_of(reference, ours, **options):
    benchmark = Scripted([99, *reference], [99, *ours], **options)
    return report.entry(benchmark, rounds.measure(benchmark, len(reference), quiet))


class Measuring(unittest.TestCase):
    def test_warms_up_and_prepares_each_side_of_each_round_in_turn(self):
        benchmark = Scripted([1] * 4, [1] * 4)
        rounds.measure(benchmark, None, quiet)
        sides = [word for word in benchmark.asked if word not in ("set_up", "prepare")]
        self.assertEqual(sides, ["ours", "reference", "reference", "ours", "ours", "reference", "reference", "ours"])
        self.assertEqual(benchmark.asked[:2], ["set_up", "prepare"])
        self.assertEqual(benchmark.asked.count("prepare"), len(sides))

    def test_does_not_count_the_warm_up(self):
        samples = rounds.measure(Scripted([99, 1, 2], [99, 3, 4]), 2, quiet)
        self.assertEqual([sample.value for sample in samples["reference"]], [1, 2])
        self.assertEqual([sample.value for sample in samples["ours"]], [3, 4])

    def test_says_each_side_with_its_parts(self):
        said = []
        rounds.measure(Scripted([2, 2], [2, 2]), 1, said.append)
        self.assertEqual(said[0], "scripted, warm-up, ours: 2.000 ms (half 1.00, rest 1.00)")
        self.assertTrue(said[2].startswith("scripted, round 1, reference: "))


class Reporting(unittest.TestCase):
    def test_has_medians_their_ratio_and_the_ratios_of_the_rounds(self):
        item = entry_of([10, 20, 40], [1, 4, 2])
        self.assertEqual((item["reference"], item["ours"], item["ratio"]), (20, 2, 0.1))
        self.assertEqual((item["spread"], item["rounds"]), ([0.05, 0.2], 3))
        self.assertEqual(item["samples"], {"reference": [10, 20, 40], "ours": [1, 4, 2]})
        self.assertEqual(item["parts"]["ours"], {"half": 1, "rest": 1})

    def test_tells_what_exceeds_its_limit(self):
        self.assertFalse(report.exceeds(entry_of([10], [5], limit=0.5)))
        self.assertTrue(report.exceeds(entry_of([10], [5.1], limit=0.5)))

    def test_makes_a_table(self):
        lines = report.table([entry_of([10], [1]), entry_of([10], [9])]).splitlines()
        self.assertEqual(lines[0].split()[:5], ["BENCHMARK", "UNIT", "REFERENCE", "OURS", "RATIO"])
        self.assertEqual(lines[1].split()[:5], ["scripted", "ms", "10.000", "1.000", "0.1000"])
        self.assertTrue(lines[1].endswith("ok"))
        self.assertTrue(lines[2].endswith("EXCEEDED"))

    def test_writes_a_list_with_what_programs_need(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "new" / "report.json"
            report.write(path, [entry_of([10], [1])])
            read = json.loads(path.read_text())
            self.assertEqual([one.name for one in path.parent.iterdir()], ["report.json"])
        self.assertIsInstance(read, list)
        self.assertLessEqual({"name", "unit", "reference", "ours", "ratio", "rounds", "spread"}, read[0].keys())


class Benchmarks(unittest.TestCase):
    def test_are_all_well_formed(self):
        self.assertIn("storage", suite.available())
        for name in suite.available():
            for one in __import__(f"bench_{name}").BENCHMARKS:
                self.assertIsInstance(one, rounds.Benchmark)
                self.assertTrue(one.name and one.unit and one.limit > 0 and one.rounds > 0, one.name)

    def test_of_storage_read_marks(self):
        text = "begin 1000000000\nunplugged 2500000000\ncopied 4000000000\n"
        self.assertEqual(bench_storage.durations(text), {"unplugged": 1.5, "copied": 1.5})


if __name__ == "__main__":
    unittest.main()
