"""An image of 2 GiB leaves a quota disk: by flatvm, and by hand as an operator would do it.

What is in a cycle, on both sides: the primary's guest unmounts the disk; it is unplugged; the image becomes a file of its own on the
host; the filesystem is checked and shrunk, and the disk with it; it is plugged in and mounted again. All that is made is fsynced, on both
sides. storage_cycle has the two cycles, what goes before each, and why it is fair. Not in either: filling the disk, and the image's end.

It takes 8 GiB of this machine's disk at most, which is the size of L0's state disk, while it runs.
"""
from pathlib import Path

from checks import eventually, expect_equal
from machines import L0
from rounds import Benchmark, Sample

CYCLE = Path(__file__).resolve().parent / "storage_cycle"
IN_L0 = "/root/storage_cycle"
IMAGE_MIB = 2048
QUOTA_MIB = IMAGE_MIB + 256  # the journal has 64, tables of inodes 36, other files 16
ADD = ["tenant", "add", "initech", "--primary", "initech-primary", "--memory", "2GiB", "--vcpus", "4", "--vms", "4", "--disk", "5GiB",
       "--quota-disk", f"{QUOTA_MIB}MiB"]
STEP_SECONDS = 1800


def durations(text):
    """Lines of "PART NANOSECONDS", the first being the start, as seconds from each to the one before."""
    marks = [(name, int(stamp)) for name, stamp in (line.split() for line in text.splitlines())]
    return {name: (stamp - before) / 1e9 for (_, before), (name, stamp) in zip(marks, marks[1:])}


class StorageCycle(Benchmark):
    unit = "s"

    def __init__(self, filesystem, limit):
        self.name, self.limit = f"storage_cycle_{filesystem}", limit
        self._filesystem = filesystem
        self._l0 = L0()

    def set_up(self):
        # Both filesystems on the same disk of L0, which nothing else uses.
        self._l0.run(["/usr/local/lib/flatvm-testbed/state-on", self._filesystem], timeout=180).ok()
        self._l0.run(f"cat > {IN_L0} && chmod +x {IN_L0}", stdin=CYCLE.read_bytes()).ok()
        for idle in ("acme", "globex"):  # they have no part in it, and even their idling is emulated
            self._l0.virsh("destroy", f"{idle}-primary").ok()
        self._l0.flatvmctl(*ADD, timeout=120).ok()
        self._l0.virsh("start", "initech-primary").ok()
        initech = self._l0.primary("initech")
        eventually(240, lambda: initech.flatvm("tenant").code == 0, "initech's flatvm tenant")
        initech.run(["systemctl", "is-system-running", "--wait"], timeout=240)  # all that a boot starts has started
        self._step("fill")

    def prepare(self):
        self._step("put-back")

    def reference(self):
        return self._cycle("reference")

    def ours(self):
        sample = self._cycle("ours")
        volumes = self._l0.flatvmctl("volume", "list", "--json").json()["volumes"]
        expect_equal(volumes, [], "volumes after the image was given back")
        return sample

    def _step(self, step):
        return self._l0.run([IN_L0, step, QUOTA_MIB, IMAGE_MIB], timeout=STEP_SECONDS).ok().out

    def _cycle(self, side):
        parts = durations(self._step(side))
        return Sample(sum(parts.values()), parts)


BENCHMARKS = [StorageCycle("xfs", limit=0.05), StorageCycle("ext4", limit=0.3)]
