"""Runs in L0: compares a tenant's limits with what libvirt's domains have, until SIGTERM, then writes what it saw.

A sample counts when nothing that was read changed while it was read. libvirt's answers take an emulated host some hundred
milliseconds; limits_records.py looks more often.
"""
import json
import signal
import sys
import time

import libvirt

PERIOD_S = 0.4
OVERHEAD_MIB = 64


def read_limits(tenant):
    with open(f"/var/lib/flatvm/tenants/{tenant}/tenant.json", encoding="utf-8") as file:
        return json.load(file)["limits"]


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


def step(connection, tenant, seen):
    seen["samples"] += 1
    limits, domains = read_limits(tenant), read_domains(connection, tenant)
    if domains is None or domains != read_domains(connection, tenant) or limits != read_limits(tenant):
        return
    seen["settled"] += 1
    secondaries, primary = domains
    used = primary[0] + 2 * OVERHEAD_MIB + sum(memory + OVERHEAD_MIB for memory, _ in secondaries.values())
    used_percent = primary[1] + sum(percent for _, percent in secondaries.values())
    seen["most_vms"] = max(seen["most_vms"], len(secondaries))
    seen["least_left_mib"] = min(seen["least_left_mib"], limits["memory_mib"] - used)
    over = used > limits["memory_mib"] or used_percent > limits["vcpus"] * 100
    if over and len(seen["violations"]) < 20:
        seen["violations"].append(f"{used} MiB of {limits['memory_mib']}, {used_percent} % of {limits['vcpus']} CPUs: "
                                  f"primary {primary}, secondaries {secondaries}")


def main(tenant, path):
    connection, running = libvirt.open("qemu:///system"), [True]
    seen = {"samples": 0, "settled": 0, "most_vms": 0, "least_left_mib": 1 << 30, "violations": []}
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    while running:
        start = time.monotonic()
        step(connection, tenant, seen)
        time.sleep(max(0.0, PERIOD_S - (time.monotonic() - start)))
    with open(path, "w", encoding="utf-8") as file:
        json.dump(seen, file)


main(*sys.argv[1:])
