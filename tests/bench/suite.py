"""Finds benchmarks, gives each a host that is as `testbed up` leaves it, and reports."""
import argparse
import importlib
import subprocess
import sys
import traceback
from pathlib import Path

import report
import rounds
from checks import CheckFailed
from machines import TESTBED, MachineLost

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent.parent / "build" / "bench"
ATTEMPTS = 3


def _count(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _arguments(argv):
    parser = argparse.ArgumentParser(prog="bench", description="Measures flatvm against references, in the testbed.")
    parser.add_argument("names", metavar="NAME", nargs="*", help="benchmarks to run (default: all)")
    parser.add_argument("--list", action="store_true", help="print the benchmarks' names and stop")
    parser.add_argument("--rounds", metavar="N", type=_count, help="rounds of each (default: each benchmark's own)")
    parser.add_argument("--packages", metavar="DIR", type=Path, help="built packages (default: build/packages)")
    return parser.parse_args(argv)


def available(folder=HERE):
    return sorted(path.stem.removeprefix("bench_") for path in folder.glob("bench_*.py"))


def _testbed(*words):
    return subprocess.run([str(TESTBED), *words], stdin=subprocess.DEVNULL, check=False).returncode


def _say(text):
    print(text, flush=True)


def _hung():
    done = subprocess.run([str(TESTBED), "hung"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout.split()


def _measure(benchmark, count):
    """The benchmark's entry, or None. Where the emulation hung a machine (the testbed's README, "Pitfalls"), it is tried anew."""
    for attempt in range(1, ATTEMPTS + 1):
        if _testbed("reset") != 0:
            return None
        try:
            return report.entry(benchmark, rounds.measure(benchmark, count, _say))
        except MachineLost as error:
            reason = str(error)
        except CheckFailed as error:
            if not (hung := _hung()):
                _say(f"FAILED {benchmark.name}: {error}")
                break
            reason = f"{', '.join(hung)} hangs in the emulator"
        except Exception:  # its own fault must not hide the others' results
            _say(f"FAILED {benchmark.name}:\n{traceback.format_exc()}")
            break
        _say(f"LOST {benchmark.name}: {reason}" + (": once more" if attempt < ATTEMPTS else ""))
    _testbed("logs", "--collect", str(RESULTS / benchmark.name))
    return None


def main(argv):
    args = _arguments(argv)
    names = available()
    if args.list:
        print("\n".join(names))
        return 0
    if unknown := [name for name in args.names if name not in names]:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    if _testbed("up", *(["--packages", str(args.packages)] if args.packages else [])) != 0:
        print("the testbed does not come up", file=sys.stderr)
        return 1
    benchmarks = [one for name in args.names or names for one in importlib.import_module(f"bench_{name}").BENCHMARKS]
    results = {one.name: _measure(one, args.rounds) for one in benchmarks}
    _testbed("reset")  # gives back what it took of this machine's disk
    entries = [item for item in results.values() if item]
    report.write(RESULTS / "report.json", entries)
    print("\n" + report.table(entries), end="")
    print(f"written to {RESULTS / 'report.json'}")
    failed = [name for name, item in results.items() if item is None]
    exceeded = [item["name"] for item in entries if report.exceeds(item)]
    for text, culprits in (("could not be measured", failed), ("exceeds its limit", exceeded)):
        if culprits:
            print(f"FAILED {text}: {', '.join(culprits)}")
    return 1 if failed or exceeded else 0
