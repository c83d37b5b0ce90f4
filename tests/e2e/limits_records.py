"""Runs in L0: adds up what a tenant's records declare, and compares its limits with the kernel's, every 100 ms until SIGTERM.

Then it writes what it saw. Files only, so that a sample takes milliseconds; limits_domains.py asks libvirt.
"""
import json
import signal
import sys
import time
from pathlib import Path

PERIOD_S = 0.1
# A changed limit is in flatvmd's memory, in the record and in the kernel's files some ten milliseconds one after the other.
GRACE_S = 2.0
OVERHEAD_MIB = 64


def read(path):
    """A record; None if it was removed meanwhile. They are replaced whole."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None


def declared(folder):
    """Limits and sums of memory (MiB), CPUs and secondaries."""
    tenant = read(folder / "tenant.json")
    specs = [record["spec"] for record in map(read, sorted((folder / "vms").glob("*.json"))) if record]
    # A primary that is carved counts with what it keeps at least, and a CPU; the overheads are its own and the front's.
    memory = tenant["carve"]["primary_min_memory_mib"] + 2 * OVERHEAD_MIB + sum(spec["memory_mib"] + OVERHEAD_MIB for spec in specs)
    limits = tuple(tenant["limits"][name] for name in ("memory_mib", "vcpus", "vms"))
    return limits, (memory, 1 + sum(spec["vcpus"] for spec in specs), len(specs))


class Difference:
    """Something that must not last: since when it does, and the longest time."""

    def __init__(self, violations):
        self.since, self.longest_ms, self.violations = None, 0, violations

    def see(self, wrong, text):
        now = time.monotonic()
        self.since = (self.since or now) if wrong else None
        if wrong:
            self.longest_ms = max(self.longest_ms, int((now - self.since) * 1000) + 1)
            if now - self.since > GRACE_S and len(self.violations) < 20:
                self.violations.append(text)


def main(tenant, path):
    folder, group = Path("/var/lib/flatvm/tenants", tenant), Path(f"/sys/fs/cgroup/flatvm.slice/flatvm-{tenant}.slice")
    seen = {"samples": 0, "changing": 0, "most_vms": 0, "least_left_mib": 1 << 30, "violations": []}
    over, differs, running, begin = Difference(seen["violations"]), Difference(seen["violations"]), [True], time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    while running:
        start = time.monotonic()
        sample = declared(folder)
        kernel = (group / "memory.max").read_text().strip(), (group / "cpu.max").read_text().split()[0]
        if sample != declared(folder):  # records changed between the first one read and the last
            seen["changing"] += 1
            continue
        limits, sums = sample
        seen["samples"] += 1
        seen["most_vms"] = max(seen["most_vms"], sums[2])
        seen["least_left_mib"] = min(seen["least_left_mib"], limits[0] - sums[0])
        over.see(any(used > limit for used, limit in zip(sums, limits)), f"declared {sums} of {limits}")
        differs.see(kernel != (str(limits[0] << 20), str(limits[1] * 100000)), f"the kernel has {kernel}, the record {limits}")
        time.sleep(max(0.0, PERIOD_S - (time.monotonic() - start)))
    seen |= {"period_ms": int((time.monotonic() - begin) * 1000 / max(1, seen["samples"])),
             "longest_over_ms": over.longest_ms, "longest_difference_ms": differs.longest_ms}
    Path(path).write_text(json.dumps(seen), encoding="utf-8")


main(*sys.argv[1:])
