"""Many tenants, with primaries that are definitions only, added and removed: nothing is left, and the last costs what the first does.

200 take half an hour, so this takes a few, and compares no times. FLATVM_E2E_TENANTS=200, as `./check e2e network` has it, takes them all.
"""
import os
import statistics
import time

from checks import expect, expect_equal

MANY = int(os.environ.get("FLATVM_E2E_TENANTS", "12"))
ENOUGH = 100  # to tell growth from noise
SAMPLE = 10  # of the first, and of the last
MOST_GROWTH = 1.2
PRIMARY = ("<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type machine='q35'>hvm</type></os>"
           "</domain>")
# What a tenant's network leaves on a host, each as lines that are sorted.
TRACES = {
    "bridges and taps": "ls /sys/class/net",
    "networks": "virsh -q net-list --all --name",
    "dnsmasqs": "pgrep -a dnsmasq | grep -o 'conf-file=[^ ]*' || true",
    # But not NAME.pid, which libvirt leaves behind of any network.
    "files of dnsmasqs": "ls -R /run/flatvm /var/lib/libvirt/dnsmasq /run/libvirt/network | grep -v '[.]pid$'",
    "rules and elements": "nft list table inet flatvm; nft list table bridge flatvm",
    "fronts and slices": "systemctl list-units --all --plain --no-legend 'flatvm-*' | cut -d' ' -f1",
    "qdiscs": "tc qdisc show | grep clsact | cut -d' ' -f5 || true",
    "directories": "ls /var/lib/flatvm/tenants",
}


def run(l0, checks):
    names = [f"many-{number:03}" for number in range(1, MANY + 1)]
    with checks.must(f"{MANY} domains are defined"):
        lines = [f"echo \"{PRIMARY.format(name=name)}\" | virsh -q define /dev/stdin" for name in names]
        l0.run("set -e\n" + "\n".join(lines), timeout=900).ok()
    _add(l0, names[0]), _remove(l0, names[0])  # what only a first one makes, such as the table of ports
    before = _traces(l0)
    with checks.must(f"{MANY} tenants are added"):
        added = [_add(l0, name) for name in names]
        shown = l0.flatvmctl("tenant", "list", "--json").json()["tenants"]
        subnets = {tenant["subnet"] for tenant in shown}
        expect_equal(len(subnets), len(shown), "subnets that are nobody else's")
        expect(set(names) <= {tenant["name"] for tenant in shown}, "some are not listed")
    if MANY >= ENOUGH:
        _compare(checks, added)
    with checks.check("a restart of flatvmd finds them all"):
        l0.run(["systemctl", "restart", "flatvmd"], timeout=300).ok()
        shown = l0.flatvmctl("tenant", "list", "--json").json()["tenants"]
        expect(set(names) <= {tenant["name"] for tenant in shown}, "some are not listed")
        bridges = [line for line in l0.run(TRACES["bridges and taps"]).ok().out.split() if line.startswith("fv-")]
        expect(len(bridges) >= MANY, f"{len(bridges)} bridges")
        guarded = l0.run("for b in /sys/class/net/fv-*; do tc filter show dev ${b##*/} ingress; done | grep -c flatvm-", timeout=300)
        expect(int(guarded.out) >= MANY, f"{guarded.out.strip()} bridges have a guard")
    with checks.check(f"{MANY} tenants are removed"):
        removed = [_remove(l0, name) for name in names]
        print(f"     {statistics.median(removed):.3f} s each, in the middle", flush=True)
    with checks.check("nothing of them is left"):
        after = _traces(l0)
        for what, lines in before.items():
            expect_equal(after[what], lines, what)


def _compare(checks, added):
    with checks.check(f"tenant {MANY} costs what tenant 1 does, to the factor {MOST_GROWTH}"):
        first, last = statistics.median(added[:SAMPLE]), statistics.median(added[-SAMPLE:])
        print(f"     the first {SAMPLE}: {first:.3f} s, the last {SAMPLE}: {last:.3f} s, in the middle; {last / first:.2f}", flush=True)
        expect(last <= MOST_GROWTH * first, f"{first:.3f} s, then {last:.3f} s")


def _add(l0, name):
    start = time.monotonic()
    l0.flatvmctl("tenant", "add", name, "--primary", name, "--memory", "512MiB", "--vcpus", "1", "--vms", "1", "--disk", "0MiB").ok()
    return time.monotonic() - start


def _remove(l0, name):
    start = time.monotonic()
    l0.flatvmctl("tenant", "remove", name).ok()
    return time.monotonic() - start


def _traces(l0):
    """What there is now; numbers that count packets are left out."""
    return {what: sorted(line for line in l0.run(command, timeout=120).ok().out.splitlines() if "packets" not in line)
            for what, command in TRACES.items()}
