"""Runs in L0: compares a tenant's record, libvirt and the kernel every 100 ms until SIGTERM, then writes what it saw.

A sample counts when the things it read did not change while it read them; what differs for longer than GRACE_S is a violation.
"""
import json
import signal
import sys
import time

import libvirt

GRACE_S = 2.0  # a change of the limits writes the record first and the kernel's files some ten milliseconds later
OVERHEAD_MIB = 64


def read_limits(tenant):
    with open(f"/var/lib/flatvm/tenants/{tenant}/tenant.json", encoding="utf-8") as file:
        return json.load(file)["limits"]


def read_kernel(tenant):
    group = f"/sys/fs/cgroup/flatvm.slice/flatvm-{tenant}.slice"
    with open(f"{group}/memory.max", encoding="ascii") as memory, open(f"{group}/cpu.max", encoding="ascii") as cpu:
        return memory.read().strip(), cpu.read().split()[0]


def cpu_percent(domain):
    """What it may use: its quota, or all of its CPUs."""
    parameters = domain.schedulerParameters()
    quota = parameters["global_quota"]
    cpus = domain.info()[3] * 100
    return cpus if quota <= 0 else min(cpus, quota * 100 // parameters["global_period"])


def read_domains(connection, tenant):
    """MiB and percent of a CPU of every running secondary by id of its run, and of the primary."""
    secondaries, primary = {}, (0, 0)
    for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        try:
            if domain.name() == f"{tenant}-primary":
                primary = domain.memoryStats()["actual"] // 1024, cpu_percent(domain)
            elif domain.name().startswith(f"flatvm-{tenant}."):
                secondaries[domain.ID()] = domain.maxMemory() // 1024, cpu_percent(domain)
        except libvirt.libvirtError:
            return None  # it ended meanwhile
    return secondaries, primary


class Sampler:
    def __init__(self, tenant):
        self.tenant = tenant
        self.connection = libvirt.open("qemu:///system")
        self.differs_since = None
        self.seen = {"samples": 0, "settled": 0, "most_vms": 0, "least_left_mib": 1 << 30, "longest_difference_ms": 0, "violations": []}

    def step(self):
        self.seen["samples"] += 1
        limits, domains = read_limits(self.tenant), read_domains(self.connection, self.tenant)
        kernel = read_kernel(self.tenant)
        self.compare_kernel(limits, kernel)
        settled = domains is not None and domains == read_domains(self.connection, self.tenant) and limits == read_limits(self.tenant)
        if not settled:
            return
        self.seen["settled"] += 1
        secondaries, primary = domains
        used = primary[0] + 2 * OVERHEAD_MIB + sum(memory + OVERHEAD_MIB for memory, _ in secondaries.values())
        used_percent = primary[1] + sum(percent for _, percent in secondaries.values())
        self.seen["most_vms"] = max(self.seen["most_vms"], len(secondaries))
        self.seen["least_left_mib"] = min(self.seen["least_left_mib"], limits["memory_mib"] - used)
        if used > limits["memory_mib"] or used_percent > limits["vcpus"] * 100:
            self.violation(f"{used} MiB of {limits['memory_mib']}, {used_percent} % of {limits['vcpus']} CPUs: "
                           f"primary {primary}, secondaries {secondaries}")

    def compare_kernel(self, limits, kernel):
        now = time.monotonic()
        if kernel == (str(limits["memory_mib"] << 20), str(limits["vcpus"] * 100000)):
            self.differs_since = None
            return
        self.differs_since = self.differs_since or now
        self.seen["longest_difference_ms"] = max(self.seen["longest_difference_ms"], int((now - self.differs_since) * 1000))
        if now - self.differs_since > GRACE_S:
            self.violation(f"the kernel has {kernel}, the record {limits}")

    def violation(self, text):
        if len(self.seen["violations"]) < 20:
            self.seen["violations"].append(text)


def main(tenant, path):
    sampler, running = Sampler(tenant), [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    while running:
        start = time.monotonic()
        sampler.step()
        time.sleep(max(0.0, 0.1 - (time.monotonic() - start)))
    with open(path, "w", encoding="utf-8") as file:
        json.dump(sampler.seen, file)


main(*sys.argv[1:])
