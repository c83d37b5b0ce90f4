"""Named checks: each is one printed line with its time, and a reason when it fails."""
import contextlib
import time


class CheckFailed(AssertionError):
    """The expectation that a check makes does not hold; its text says what was seen instead."""


class Abandoned(Exception):
    """A check that all later ones build on failed."""


class Checks:
    """`look` is called right after a failure was noted. It may raise what ends the scenario: what failed may not have been its fault."""

    def __init__(self, look=lambda: None):
        self.passed, self.failed = [], []
        self._look = look

    @contextlib.contextmanager
    def check(self, name):
        """A failing one is noted and the scenario goes on."""
        start = time.monotonic()
        try:
            yield
        except CheckFailed as error:
            self.fail(name, str(error), time.monotonic() - start)
        else:
            self.passed.append(name)
            print(f"PASS {name} ({time.monotonic() - start:.1f} s)", flush=True)

    @contextlib.contextmanager
    def must(self, name):
        """A failing one ends the scenario."""
        before = len(self.failed)
        with self.check(name):
            yield
        if len(self.failed) > before:
            raise Abandoned(name)

    def fail(self, name, reason, seconds=0.0):
        self.failed.append(name)
        print(f"FAIL {name} ({seconds:.1f} s)", flush=True)
        for line in reason.strip().splitlines()[-30:]:
            print(f"     {line}", flush=True)
        self._look()


def expect(condition, message):
    if not condition:
        raise CheckFailed(message() if callable(message) else message)


def expect_equal(got, wanted, what):
    expect(got == wanted, lambda: f"{what}: expected {wanted!r}, got {got!r}")


def expect_in(part, whole, what):
    expect(part in whole, lambda: f"{what}: {part!r} is not in {whole!r}"[:2000])


def expect_subset(wanted, got, what):
    """Every field of wanted is in got with that value."""
    for field, value in wanted.items():
        expect_equal(got.get(field), value, f"{what}, field {field}")


def eventually(seconds, condition, what, pause=0.2):
    """Polls until condition() gives something true and returns that; CheckFailed inside it counts as not yet.

    What is waited for may be a function: then the text is made when it did not come.
    """
    deadline = time.monotonic() + seconds
    last = ""
    while True:
        try:
            if value := condition():
                return value
        except CheckFailed as error:
            last = f"; last: {error}"
        if time.monotonic() > deadline:
            raise CheckFailed(f"{what() if callable(what) else what}: not within {seconds} s{last}")
        time.sleep(pause)
