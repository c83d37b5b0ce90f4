"""A tenant's DHCP and DNS server: whose it is, what it sees, and that it comes back."""
import ipaddress

from checks import eventually, expect, expect_equal, expect_in
from network_dns import A, asked

# Of the process' netlink sockets of routes and addresses, each once.
GROUPS = """for socket in $(readlink /proc/{pid}/fd/* | sed -n 's/^socket:.\\([0-9]*\\).$/\\1/p'); do
awk -v inode=$socket '$2 == 0 && $10 == inode {{ print $4 }}' /proc/net/netlink
done | sort -u"""


def run(l0, checks, acme, name, address):
    """name, address: of a secondary of acme's."""
    unit = _unit(l0)

    def answers():
        gateway = str(ipaddress.ip_interface(f"{address}/24").network.network_address + 1)
        return all(ipaddress.ip_address(address).packed in asked(acme, gateway, one, A) for one in (f"{name}.acme.internal", name))

    with checks.check("its server is in acme's slice, as a user of its own, and is not woken by others' networks"):
        expect_in("/flatvm-acme.slice/", l0.run(f"cat /proc/{_process(l0, unit)}/cgroup").ok().out, "its cgroup")
        user = l0.run(f"stat -c %u /proc/{_process(l0, unit)}").ok().out.strip()
        expect(int(user) >= 61184, f"it runs as {user}, which is no dynamic user")  # systemd(1), "Users and groups"
        groups = l0.run(GROUPS.format(pid=_process(l0, unit))).ok().out.split()
        expect_equal(groups, ["00000000"], "its multicast groups")
    with checks.check("of the host's files it sees its own"):
        root = f"/proc/{_process(l0, unit)}/root"
        for path in ("/var/lib/flatvm", "/etc/shadow", "/etc/hosts", "/run/flatvm/admin.sock", "/srv", "/boot", "/run/libvirt"):
            expect(l0.run(f"test -e {root}{path}").code != 0, f"it sees {path}")
        expect_equal(len(l0.run(f"ls {root}/run/flatvm/dnsmasq").ok().out.split()), 1, "networks that it sees")
    with checks.check("one that is killed is back at once, by systemd, and gives the same answers"):
        before = _process(l0, unit)
        l0.run(f"systemctl kill -s KILL {unit}").ok()
        eventually(30, lambda: _process(l0, unit) not in ("0", before), "another process")
        eventually(30, answers, "its answer")
    with checks.check("one that somebody stopped is started anew by flatvmd, which says so"):
        l0.run(f"systemctl stop {unit}").ok()
        expect(not answers(), "somebody answers")
        eventually(90, answers, "its answer")
        said = l0.run("journalctl -q -u flatvmd -o cat -n 50").ok().out
        expect_in("of network flatvm-acme had been stopped; it was started anew", said, "flatvmd's journal")


def _unit(l0):
    bridge = l0.run("virsh net-info flatvm-acme | sed -n 's/^Bridge: *//p'").ok().out.strip()
    return f"flatvm-dnsmasq-{bridge}.service"


def _process(l0, unit):
    return l0.run(f"systemctl show -P MainPID {unit}").ok().out.strip()

