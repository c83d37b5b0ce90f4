"""Running commands in L0, and in a primary through L0."""
import subprocess
import time

from report import TestbedError

LANE_FAILED = 125
LANE_IN_L0 = "/usr/local/lib/flatvm-testbed/lane"


class Lanes:
    """`alive` says whether L0's QEMU still runs."""

    def __init__(self, instance, programs, alive):
        self._lane = str(programs / "lane")
        self._folder = str(instance.run)
        self._alive = alive

    def words(self, argv, timeout=0, stdin=False):
        """The command that runs argv in L0: its stdin, stdout, stderr and exit code are argv's."""
        options = ["--timeout", str(timeout)] if timeout else []
        if not stdin:
            options.append("--no-stdin")
        return [self._lane, "run", *options, self._folder, "--", *argv]

    def run(self, argv, timeout=60, stdin=None):
        """Runs argv in L0 and returns the finished process; nothing is raised for its exit code, but for the end of L0."""
        done = subprocess.run(self.words(argv, timeout, stdin is not None), input=stdin, capture_output=True, check=False)
        if done.returncode == LANE_FAILED and not self._alive():
            raise TestbedError("L0's QEMU ended; see `testbed logs --serial`")
        done.stdout, done.stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        return done

    def demand(self, argv, what, timeout=60, stdin=None):
        done = self.run(argv, timeout, stdin)
        if done.returncode != 0:
            raise TestbedError(f"{what} failed in L0: {' '.join(argv)[:200]}: exit {done.returncode}\n"
                               f"{(done.stderr or done.stdout).strip()[-3000:]}")
        return done.stdout

    def wait_until_answering(self, deadline_s):
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            # The kernel holds what is sent before somebody serves the port, so an early try is not lost.
            if self.run(["true"], timeout=int(deadline_s)).returncode == 0:
                return
            time.sleep(0.1)
        raise TestbedError("L0 does not come up; see `testbed logs --serial`")


def in_primary(name, argv, timeout=0, stdin=True):
    """The command that, run in L0, runs argv in a primary."""
    options = ["--timeout", str(timeout)] if timeout else []
    if not stdin:
        options.append("--no-stdin")
    return [LANE_IN_L0, "run", *options, f"/run/testbed/{name}-primary", "--", *argv]
