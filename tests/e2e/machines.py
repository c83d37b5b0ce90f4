"""The machines that a scenario talks to: L0, and the primaries in it."""
import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from checks import CheckFailed, expect, expect_equal

TESTBED = Path(__file__).resolve().parent.parent / "testbed" / "testbed"

# What flatvm and flatvmctl exit with.
EXIT_CODES = {
    "OK": 0, "INTERNAL": 1, "INVALID_ARGUMENT": 2, "NOT_FOUND": 3, "ALREADY_EXISTS": 4, "FAILED_PRECONDITION": 5,
    "RESOURCE_EXHAUSTED": 6, "PERMISSION_DENIED": 7, "UNAVAILABLE": 8, "DEADLINE_EXCEEDED": 9, "ABORTED": 10,
    "UNIMPLEMENTED": 11}


NO_WAY_IN = 125  # of `testbed exec`
STALLED = "does not keep the deadline"


@dataclass
class Done:
    """A command that ended."""
    command: str
    code: int
    out: str
    err: str

    def __str__(self):
        return f"$ {self.command}\nexit {self.code}\n{self.out}{self.err}"

    def ok(self):
        expect(self.code == 0, lambda: f"expected exit 0 from {self}")
        return self

    def json(self):
        """The JSON that a successful command printed."""
        self.ok()
        try:
            return json.loads(self.out)
        except ValueError:
            expect(False, f"no JSON from {self}")

    def expect_error(self, code, reason=None, field=None):
        """It failed as documented: exit code, and the JSON error on stderr. Returns the error."""
        expect_equal(self.code, EXIT_CODES[code], f"exit code of `{self.command}`\n{self.err}")
        lines = [line for line in self.err.splitlines() if line.startswith("{")]
        try:
            error = json.loads(lines[-1] if lines else self.err)["error"]
        except (ValueError, KeyError, IndexError):
            expect(False, f"no JSON error on stderr from {self}")
        expect_equal(error.get("code"), code, f"error code of `{self.command}`")
        if reason:
            expect_equal(error.get("reason"), reason, f"reason of `{self.command}`")
        if field:
            expect_equal(error.get("field"), field, f"field of `{self.command}`")
        expect(error.get("message"), lambda: f"an error without a message: {self}")
        return error


def cpu_seconds(cpu):
    """What L0's CPU of this number has had of this machine's CPU time: it is a thread of L0's QEMU."""
    status = subprocess.run([str(TESTBED), "status"], capture_output=True, text=True, check=True).stdout
    pid = dict(line.split(maxsplit=1) for line in status.splitlines() if len(line.split()) > 1)["pid"]
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith(f"CPU {cpu}/"):
            return int((task / "schedstat").read_text().split()[0]) / 1e9
    raise CheckFailed(f"L0's QEMU has no thread for CPU {cpu}")


class MachineLost(Exception):
    """L0 does not answer, or a guest of it hangs in the emulator: nothing can be said of what was tested."""


class _Machine:
    def __init__(self, words, label):
        self._words, self._label = words, label

    def run(self, command, timeout=60, stdin=None):
        """Runs a command: a list is executed, a string goes to sh. Returns a Done whatever its exit code."""
        argv = ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        no_stdin = [] if stdin is not None else ["--no-stdin"]
        words = [str(TESTBED), *self._words, "--timeout", str(timeout), *no_stdin, "--", *argv]
        data = stdin.encode() if isinstance(stdin, str) else stdin
        source = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(words, capture_output=True, check=False, **source)
        if done.returncode == NO_WAY_IN:
            self._expect_alive(done.stderr.decode(errors="replace"))
        shown = command if isinstance(command, str) else shlex.join(argv)
        return Done(f"[{self._label}] {shown}", done.returncode, done.stdout.decode(errors="replace"),
                    done.stderr.decode(errors="replace"))

    def _expect_alive(self, why):
        """A primary may have no way in. L0 always has one, and ends commands when their time is over; else it hung, or still does."""
        of_primary = "lane: /run/testbed/" in why
        if (STALLED in why and not of_primary) or not self.answers():
            raise MachineLost(f"{self._label} does not answer any more: {why.strip()}")

    def answers(self):
        """Whether L0 does."""
        words = [str(TESTBED), "exec", "--timeout", "60", "--no-stdin", "--", "true"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


class Primary(_Machine):
    def __init__(self, name):
        super().__init__(["primary", name], name)
        self.name = name

    def flatvm(self, *words, timeout=120):
        return self.run(["flatvm", *words], timeout)

    def power_off(self):
        """Asks its system to power off. The way in ends with that, at times before it said that the request was taken."""
        done = self.run("systemctl --no-block start poweroff.target")
        expect(done.code in (0, NO_WAY_IN), lambda: f"expected that it powers off: {done}")

    def get(self, url, seconds=10):
        """Fetches a page with curl."""
        return self.run(["curl", "-sS", "--max-time", seconds, url], timeout=seconds + 10)


class L0(_Machine):
    def __init__(self):
        super().__init__(["exec"], "l0")

    def primary(self, name):
        return Primary(name)

    def flatvmctl(self, *words, timeout=120):
        return self.run(["flatvmctl", *words], timeout)

    def virsh(self, *words):
        return self.run(["virsh", "-q", *words])

    def domains(self):
        """Names of the domains that run."""
        return set(self.virsh("list", "--name").ok().out.split())

    def read(self, path):
        return self.run(["cat", path]).out

    def links(self):
        """Names of L0's network links."""
        return {link["ifname"] for link in self.run(["ip", "-j", "link"]).json()}
