"""Finds scenarios, puts the testbed back before each, runs them, keeps evidence of failures."""
import argparse
import importlib
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

from checks import Abandoned, Checks
from machines import L0, TESTBED, MachineLost

HERE = Path(__file__).resolve().parent
ATTEMPTS = 3
EVIDENCE = HERE.parent.parent / "build" / "e2e"


def _arguments(argv):
    parser = argparse.ArgumentParser(prog="run", description="Runs end-to-end scenarios in the testbed.")
    parser.add_argument("names", metavar="NAME", nargs="*", help="scenarios to run, or what the names of several begin with (default: all)")
    parser.add_argument("--list", action="store_true", help="print the scenarios' names and stop")
    parser.add_argument("--down", action="store_true", help="take L0 down at the end, instead of putting it back")
    parser.add_argument("--packages", metavar="DIR", type=Path, help="built packages (default: build/packages)")
    return parser.parse_args(argv)


def _available():
    return sorted(path.stem.removeprefix("scenario_") for path in HERE.glob("scenario_*.py"))


def choose(names, available):
    """The scenarios that names stand for, and the names that stand for none. `storage` stands for storage_xfs, too."""
    chosen, unknown = [], []
    for name in names:
        found = [name] if name in available else [one for one in available if one.startswith(f"{name}_")]
        unknown += [] if found else [name]
        chosen += [one for one in found if one not in chosen]
    return chosen, unknown


def _testbed(*words):
    return subprocess.run([str(TESTBED), *words], stdin=subprocess.DEVNULL, check=False).returncode


def _ask(*words):
    return subprocess.run([str(TESTBED), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout


def _look_for_hung():
    """Raises MachineLost if a guest hangs right now; later the scenario may have destroyed it, and nobody would know."""
    hung = _ask("hung").split()
    for line in _ask("hung", "--states").splitlines():
        print(f"     | {line}", flush=True)
    if hung:
        raise MachineLost(f"{', '.join(hung)}: hangs in the emulator")


def _run(name):
    """Runs one scenario; returns its checks. Where QEMU's emulation of SVM hangs L0 (the testbed's README, "Pitfalls"), anew."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _run_once(name)
        except MachineLost as error:
            print(f"LOST {error}" + (": once more" if attempt < ATTEMPTS else ""), flush=True)
            _testbed("logs", "--serial")
    checks = Checks()
    checks.fail("L0 lives to the end", f"it was lost {ATTEMPTS} times")
    return checks


def _run_once(name):
    print(f"=== {name}", flush=True)
    checks = Checks(_look_for_hung)
    scenario = importlib.import_module(f"scenario_{name}")
    if _testbed("reset") != 0:
        checks.fail("the testbed is reset", "testbed reset failed")
        return checks
    try:
        scenario.run(L0(), checks)
    except Abandoned:
        pass
    except MachineLost:
        raise
    except KeyboardInterrupt:
        raise
    except Exception:  # a scenario's own fault must not hide the others' results
        checks.fail("the scenario runs to its end", traceback.format_exc())
    if checks.failed:
        _testbed("logs", "--collect", str(EVIDENCE / name))
    return checks


def main(argv):
    args = _arguments(argv)
    available = _available()
    if args.list:
        print("\n".join(available))
        return 0
    names, unknown = choose(args.names or available, available)
    if unknown:
        print(f"no scenario {', '.join(unknown)}; there are: {', '.join(available)}", file=sys.stderr)
        return 2
    if _testbed("up", *(["--packages", str(args.packages)] if args.packages else [])) != 0:
        print("the testbed does not come up", file=sys.stderr)
        return 1
    start = time.monotonic()
    results = {name: _run(name) for name in names}
    if os.environ.get("FLATVM_E2E_KEEP") != "1":
        _testbed("down" if args.down else "reset")
    passed = sum(len(checks.passed) for checks in results.values())
    failed = [(name, check) for name, checks in results.items() for check in checks.failed]
    print(f"=== {len(results)} scenarios, {passed} checks passed, {len(failed)} failed, {time.monotonic() - start:.1f} s")
    for name, check in failed:
        print(f"FAILED {name}: {check} (see {EVIDENCE / name})")
    return 1 if failed else 0
