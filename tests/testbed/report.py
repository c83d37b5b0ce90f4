"""What the testbed says while it works, and the error that ends it."""
import contextlib
import subprocess
import sys
import time


class TestbedError(Exception):
    """Something the user can act on. The message says what failed and what to do."""


def say(text):
    print(f"testbed: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text):
    start = time.monotonic()
    yield
    say(f"{text} ({time.monotonic() - start:.1f} s)")


def run(argv, what, **options):
    """Runs a command to its end and returns its stdout; a failure becomes a TestbedError with the last lines it said."""
    options.setdefault("text", True)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        tail = done.stderr if isinstance(done.stderr, str) else done.stderr.decode(errors="replace")
        tail = "\n".join((tail.strip() or str(done.stdout)).splitlines()[-25:])
        raise TestbedError(f"{what} failed: {' '.join(map(str, argv[:4]))} … exit {done.returncode}\n{tail}")
    return done.stdout


ATTEMPTS = 3


def tried(act, undo):
    """What act() returns. Emulated SVM hangs a guest, or L0 itself, now and then (README, "Pitfalls"): undo() and once more, up to ATTEMPTS times."""
    for _ in range(1, ATTEMPTS):
        try:
            return act()
        except TestbedError as error:
            say(f"{error}\ntestbed: once more")
            undo()
    return act()
