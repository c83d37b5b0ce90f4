"""A tenant's network, from nothing to ready: beside a NAT network of libvirt's, and the 200th tenant's beside the first's.

network_ready: the reference is virNetworkCreateXML of a NAT network with DHCP for one machine, whose bridge, dnsmasq and firewall rules are
libvirt's own. Ours is what flatvmd does until a tenant's machine could be plugged in: the same call for a network that libvirt makes no
rules for and does not serve, before it the filter (one transaction of nftables), after it the guard (programs on bridge and uplink, loaded
and attached) and a dnsmasq in the tenant's slice, until that serves, all as flatvmd's own line in the journal says it. Both sides: a call of a process that is connected already, timed around it; the network is
removed outside of the time. Not in either: the rest of a tenant, such as its slice and its primary's definition.

network_growth_200: the same line for a tenant's network beside 199 others, and beside one, which is the reference: with the very first also
comes what all of them share, such as the table of the ports.
"""
import re
import statistics
import time

from checks import eventually, expect, expect_equal
from machines import L0
from rounds import Benchmark, Sample

AGAIN = 5  # networks of a sample, which is their median
MANY = 200
NAT = """<network><name>reference</name><forward mode='nat'/><bridge name='reference0' stp='off' delay='0'/>
<ip address='10.214.0.1' netmask='255.255.255.0'><dhcp><host mac='52:54:00:d6:00:02' name='primary.reference' ip='10.214.0.2'/></dhcp>
</ip></network>"""
# In L0, which has libvirt's binding for Python.
REFERENCE = f'''
import libvirt, time
connection = libvirt.open("qemu:///system")
for _ in range({AGAIN}):
    start = time.monotonic_ns()
    network = connection.networkCreateXML("""{NAT}""")
    print(time.monotonic_ns() - start)
    network.destroy()
'''
# Nothing of it runs: a tenant needs a definition only.
PRIMARY = ("<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type machine='q35'>hvm</type></os>"
           "</domain>")
MADE = re.compile(r"made network flatvm-(\S+): filter (\d+) us, libvirt (\d+) us, guard (\d+) us, dnsmasq (\d+) us")
PARTS = ("filter", "libvirt", "guard", "dnsmasq")


def name_of(number):
    return f"bench-{number:03}"


def define(l0, numbers):
    """Primaries to be, defined and off."""
    lines = [f"echo \"{PRIMARY.format(name=name_of(number))}\" | virsh -q define /dev/stdin" for number in numbers]
    l0.run("set -e\n" + "\n".join(lines), timeout=600).ok()


def add(l0, number):
    """Makes the tenant; returns what its network's making took, in seconds by part."""
    name = name_of(number)
    l0.flatvmctl("tenant", "add", name, "--primary", name, "--memory", "512MiB", "--vcpus", "1", "--vms", "1", "--disk", "0MiB").ok()
    lines = l0.run(["journalctl", "-q", "-u", "flatvmd", "-o", "cat", "-n", "50", f"FLATVM_TENANT={name}"]).ok().out
    found = [match.groups() for match in MADE.finditer(lines)]
    expect(found and found[-1][0] == name, f"no line tells of {name}'s network: {lines}")
    return {part: int(us) / 1e6 for part, us in zip(PARTS, found[-1][1:])}


def remove(l0, number):
    l0.flatvmctl("tenant", "remove", name_of(number), "--delete-volumes").ok()


def median(samples):
    """Of samples that are seconds by part: the one whose sum is in the middle."""
    return sorted(samples, key=lambda parts: sum(parts.values()))[len(samples) // 2]


class NetworkReady(Benchmark):
    name, unit, limit, rounds = "network_ready", "s", 1.1, 7

    def __init__(self):
        self._l0 = L0()

    def set_up(self):
        define(self._l0, [1])

    def reference(self):
        said = self._l0.run(["python3", "-c", REFERENCE], timeout=180).ok().out
        return Sample(statistics.median(int(line) / 1e9 for line in said.split()))

    def ours(self):
        samples = []
        for _ in range(AGAIN):
            samples.append(add(self._l0, 1))
            remove(self._l0, 1)
        parts = median(samples)
        return Sample(sum(parts.values()), parts)


class NetworkGrowth(Benchmark):
    name, unit, limit, rounds = "network_growth_200", "s", 1.2, 3

    def __init__(self):
        self._l0 = L0()
        self._there = 0  # tenants beside those of the testbed

    def set_up(self):
        define(self._l0, range(1, MANY + 1))
        for tenant in self._l0.flatvmctl("tenant", "list", "--json").json()["tenants"]:
            self._l0.flatvmctl("tenant", "remove", tenant["name"], "--destroy-secondaries", "--delete-volumes", "--restart", timeout=300).ok()
        expect_equal(self._l0.flatvmctl("tenant", "list", "--json").json()["tenants"], [], "tenants")

    def reference(self):
        return self._sample(2)

    def ours(self):
        return self._sample(MANY)

    def _sample(self, number):
        """With `number` - 1 tenants beside it."""
        while self._there >= number:
            remove(self._l0, self._there)
            self._there -= 1
        while self._there < number - 1:
            self._there += 1
            add(self._l0, self._there)
        eventually(120, lambda: self._l0.run("systemctl list-jobs --no-legend").out.strip() == "", "systemd is idle")
        time.sleep(2)
        samples = []
        for _ in range(AGAIN):
            samples.append(add(self._l0, number))
            remove(self._l0, number)
        parts = median(samples)
        return Sample(sum(parts.values()), parts)


BENCHMARKS = [NetworkReady(), NetworkGrowth()]
