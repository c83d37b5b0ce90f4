"""What a benchmark is, and how it is measured: the two sides in turn, so that what drifts or disturbs meets both.

A new benchmark is a module bench_NAME.py with a list BENCHMARKS of objects of such classes.
"""
from dataclasses import dataclass, field

SIDES = ("reference", "ours")


@dataclass
class Sample:
    """One side of one round. The parts are what the value is made of, in order; there may be none."""
    value: float
    parts: dict = field(default_factory=dict)


class Benchmark:
    """Base of all. `limit` is the highest ratio, ours to the reference's, that is good enough."""
    name = unit = ""
    limit = 1.0
    rounds = 5

    def set_up(self):
        """Once, on a host that is as `testbed up` leaves it."""

    def prepare(self):
        """Before each side of each round: the same state for both. Not measured."""

    def reference(self):
        """Returns a Sample of what one would do without flatvm, with the same effect."""
        raise NotImplementedError

    def ours(self):
        """Returns a Sample of flatvm's."""
        raise NotImplementedError


def order(number):
    """Who begins in round `number`: in turn, as one may leave the host better or worse for the other."""
    return SIDES if number % 2 == 0 else tuple(reversed(SIDES))


def measure(benchmark, rounds=None, say=print):
    """Returns the samples of each side, by side. A first round warms up what either needs, and is not counted."""
    benchmark.set_up()
    samples = {side: [] for side in SIDES}
    for number in range(-1, rounds or benchmark.rounds):
        for side in order(number):
            benchmark.prepare()
            sample = getattr(benchmark, side)()
            parts = ", ".join(f"{name} {value:.2f}" for name, value in sample.parts.items())
            what = "warm-up" if number < 0 else f"round {number + 1}"
            say(f"{benchmark.name}, {what}, {side}: {sample.value:.3f} {benchmark.unit}{f' ({parts})' if parts else ''}")
            if number >= 0:
                samples[side].append(sample)
    return samples
