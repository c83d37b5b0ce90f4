"""A tenant's networks beside its first, with real machines that have a NIC on each: one of its own, and a VLAN of a bridge of the host's."""
import network_ceilings
import network_frames as frames
import network_servers
from checks import eventually, expect, expect_equal, expect_in
from network_sniff import sniffing, tap

BRIDGE, VLAN, LEASES = "br-lan", 100, "/run/lan.leases"
LAN = ["ip", "netns", "exec", "lan"]
# The operator's network: a DHCP server in the VLAN, and somebody else beside it, where whoever comes to the bridge is at first.
HOST = f"""set -e
ip link add {BRIDGE} type bridge forward_delay 0 stp_state 0 vlan_filtering 1
ip link set {BRIDGE} up
for name in lan other; do
  ip netns add $name
  ip link add $name-port type veth peer name eth0 netns $name
  ip link set $name-port master {BRIDGE} up
  ip -n $name link set lo up
  ip -n $name link set eth0 up
done
bridge vlan add dev lan-port vid {VLAN} pvid untagged
bridge vlan del dev lan-port vid 1
ip -n lan address add 192.0.2.1/24 dev eth0
systemd-run -q --unit lan-dhcp -p NetworkNamespacePath=/run/netns/lan dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 \
  --interface=eth0 --bind-interfaces --dhcp-range=192.0.2.10,192.0.2.50,1h --dhcp-leasefile={LEASES} --user=root
"""
CREATE = ["--image", "tiny", "--memory", "192MiB", "--vcpus", "1", "--network", "storage", "--network", "lan", "--json"]
# Of the lies of network_frames those that are lies also where addresses are not flatvm's.
LIES = {"a sibling's MAC", "the gateway's MAC", "a DHCP server", "a DHCP server at another port", "ARP with another MAC", "a router",
        "a router behind destination options", "a router behind hop-by-hop options", "a neighbour solicitation with another MAC",
        "a DHCPv6 server", "a DHCPv6 server at another port", "a VLAN", "an unknown Ethernet type"}


def run(l0, checks):
    acme, globex = l0.primary("acme"), l0.primary("globex")
    _add(l0, checks, acme)
    with checks.must("two secondaries with a NIC on each, whose addresses are known before they boot but for the bridge's"):
        vms = {name: _create(l0, acme, name) for name in ("one", "two")}
        for name, vm in vms.items():
            eventually(180, lambda at=vm.address: acme.get(f"http://{at}/").code == 0, f"{name} answers")
    _storage(l0, checks, acme, globex, vms)
    network_servers.run(l0, checks, acme, "one", vms["one"].address)
    _bridge(l0, checks, acme, vms)
    _remove(l0, checks, acme)


class _Vm:
    def __init__(self, shown):
        self.name, self.address = shown["name"], shown["address"]
        self.nics = {nic["network"]: nic for nic in shown["nics"]}

    def send(self, primary, by, sent):
        said = primary.get(f"http://{self.address}/cgi-bin/frame?{by}:{','.join(frame.hex() for frame in sent)}", 30).ok().out
        expect_equal(said.strip(), f"sent {len(sent)}", "frames")

    def pings(self, primary, address):
        return " 0% packet loss" in primary.get(f"http://{self.address}/cgi-bin/ping?{address}", seconds=30).out


def _network(l0, *words):
    return l0.flatvmctl("tenant", "network", *words, "--json")


def _traffic(l0, network="default"):
    found = {one["name"]: one for one in _network(l0, "list", "acme").json()["networks"]}
    return found[network]["traffic"]


def _add(l0, checks, acme):
    lan = ["add", "acme", "lan", "--network", "bridge", "--bridge", BRIDGE, "--vlan", str(VLAN)]
    with checks.check("a bridge that is not there, and one that does not filter VLANs, are refused by their name and leave nothing"):
        for preview in ([], ["--validate-only"]):
            _network(l0, *lan, *preview).expect_error("FAILED_PRECONDITION", "BRIDGE_UNUSABLE", "bridge")
        l0.run(f"ip link add {BRIDGE} type bridge").ok()
        for preview in ([], ["--validate-only"]):
            _network(l0, *lan, *preview).expect_error("FAILED_PRECONDITION", "BRIDGE_UNUSABLE", "vlan")
        l0.run(f"ip link del {BRIDGE}").ok()
        expect_equal([one["name"] for one in _network(l0, "list", "acme").json()["networks"]], ["default"], "networks")
    with checks.must("further networks: one of its own, and a VLAN of a bridge of the host's"):
        l0.run(HOST).ok()
        _network(l0, "add", "acme", "storage", "--network", "isolated").ok()
        _network(l0, *lan, "--validate-only").ok()
        expect_equal(len(_network(l0, "list", "acme").json()["networks"]), 2, "networks after a preview")
        _network(l0, *lan).ok()
        _network(l0, *lan).expect_error("ALREADY_EXISTS", "NETWORK_NAME_TAKEN", "name")
    with checks.check("the primary is told of them, and the host's check likes them"):
        shown = acme.flatvm("tenant", "--json").json()["networks"]
        expect_equal([(one["name"], one["mode"]) for one in shown], [("storage", "isolated"), ("lan", "bridge")], "networks")
        item = next(one for one in l0.flatvmctl("check", "--json").json()["items"] if one["name"] == "networks")
        expect_equal(item["state"], "ok", f"the check's item: {item}")


def _create(l0, acme, name):
    vm = _Vm(acme.flatvm("create", name, *CREATE, timeout=180).json())
    expect_equal(list(vm.nics), ["default", "storage", "lan"], "NICs")
    expect_equal(vm.nics["default"]["address"], vm.address, "the first NIC's address")
    expect_equal(vm.nics["lan"]["address"], "", "the bridge's address")
    return vm


def _lan_address(l0, vm):
    def find():
        for line in l0.run(["cat", LEASES]).out.splitlines():
            if line.split()[1] == vm.nics["lan"]["mac"]:
                return line.split()[2]
        return None
    return eventually(60, find, f"{vm.name}'s address by the operator's DHCP server")


def _storage(l0, checks, acme, globex, vms):
    one, two = vms["one"], vms["two"]
    at = two.nics["storage"]["address"]
    gateway = at.rpartition(".")[0] + ".1"
    with checks.check("siblings have each other there, by the addresses and names that were known before"):
        eventually(60, lambda: one.pings(acme, at), "two answers one on storage")
        expect_in(at, l0.run(["busybox", "nslookup", "two.storage.acme.internal", gateway]).ok().out, "its name")
    with checks.check("nobody else comes there: neither the primary, which is not on it, nor another tenant, nor from there to the world"):
        for primary in (acme, globex):
            expect(primary.run(["ping", "-c", "2", "-W", "1", at]).code != 0, f"{primary.name} reaches it")
        expect(one.pings(acme, two.address), "and by their first NICs they have each other all the same")
    with checks.check("lies stop at the port of that NIC, each counted for that network"):
        mac, sibling = one.nics["storage"], two.nics["storage"]
        bridge = l0.run("virsh net-dumpxml flatvm-acme.storage | sed -n \"s/.*<bridge name='\\([^']*\\)'.*/\\1/p\"").ok().out.strip()
        gateway_mac = l0.read(f"/sys/class/net/{bridge}/address").strip()
        prefix = next(n for n in acme.flatvm("tenant", "--json").json()["networks"] if n["name"] == "storage")["ipv6_subnet"]
        own, other = (frames.Place(nic["mac"], nic["address"], gateway, gateway_mac, prefix) for nic in (mac, sibling))
        lies = dict(frames.to_neighbours(own, other, b"STORAGELIE"))
        _expect_stopped(l0, acme, one, "eth1", frames.honest(own, other, b"STORAGETRUTH"), list(lies.values()), "storage",
                        {"two": ([], tap(l0, "flatvm-acme.two", sibling["mac"]))})


def _bridge(l0, checks, acme, vms):
    one = vms["one"]
    with checks.must("on the host's bridge the operator's DHCP server gives addresses, and the world there has the machine"):
        addresses = {vm.name: _lan_address(l0, vm) for vm in vms.values()}
        eventually(60, lambda: "flatvm tiny" in l0.run([*LAN, "curl", "-sS", "--max-time", "5", f"http://{addresses['one']}/"]).out,
                   "one's page, from the bridge")
        expect(one.pings(acme, addresses["two"]), "siblings have each other there, too")
    port = tap(l0, "flatvm-acme.one", one.nics["lan"]["mac"])
    with checks.check("it is in its VLAN only, and another VLAN of the bridge has nothing of it"):
        shown = l0.run(["bridge", "-c=never", "vlan", "show", "dev", port]).ok().out.split()
        expect_equal([word for word in shown if word.isdigit()], [str(VLAN)], f"VLANs of {port}: {shown}")
        with sniffing(l0, {"other": (["ip", "netns", "exec", "other"], "eth0")}) as seen:
            one.pings(acme, "192.0.2.77")  # who is not there is asked for
            dump = seen()["other"]
        expect(one.nics["lan"]["mac"].replace(":", "") not in dump, "a frame of it")
    own = frames.Place(one.nics["lan"]["mac"], addresses["one"], "192.0.2.1",
                       l0.run([*LAN, "cat", "/sys/class/net/eth0/address"]).ok().out.strip(), "fd00::/64")
    sibling = frames.Place(own.gateway_mac, "192.0.2.1", "192.0.2.1", own.gateway_mac, "fd00::/64")
    with checks.check("there it speaks with its own hardware address, without a tag, and is neither a DHCP server nor a router; each lie is counted"):
        lies = {what: frame for what, frame in frames.to_neighbours(own, sibling, b"LANLIE") if what in LIES}
        expect_equal(lies.keys(), LIES, "lies")
        _expect_stopped(l0, acme, one, "eth2", frames.honest(own, sibling, b"LANTRUTH"), list(lies.values()), "default",
                        {"lan": (LAN, "eth0"), "other": (["ip", "netns", "exec", "other"], "eth0")})
    network_ceilings.on_bridge(l0, checks, "acme", addresses["one"], "ip netns exec lan ")
    with checks.check("all of it is there after a restart of flatvmd, and comes back where somebody took it away"):
        l0.run(["systemctl", "restart", "flatvmd"]).ok()
        l0.run([*LAN, "curl", "-sS", "--max-time", "5", f"http://{addresses['one']}/"]).ok()
        l0.run(f"tc qdisc del dev {port} clsact; bridge vlan add dev {port} vid 1").ok()
        l0.run(["nft", "flush", "ruleset"]).ok()
        eventually(60, lambda: "flatvm-" in l0.run(["tc", "filter", "show", "dev", port, "ingress"]).out, "the port's program")
        eventually(60, lambda: [word for word in l0.run(["bridge", "-c=never", "vlan", "show", "dev", port]).out.split() if word.isdigit()]
                   == [str(VLAN)], "its VLAN alone")
        eventually(20, lambda: l0.run([*LAN, "curl", "-sS", "--max-time", "5", f"http://{addresses['one']}/"]).code == 0, "its page")


def _expect_stopped(l0, primary, vm, by, honest, lies, network, spots):
    """`lies`, each with the marker …LIE, are sent: none is seen at `spots`, of which the first sees the honest one; all are counted."""
    before = _traffic(l0, network)
    with sniffing(l0, spots) as seen:
        vm.send(primary, by, [honest])
        for start in range(0, len(lies), 12):
            vm.send(primary, by, lies[start:start + 12])
        dumps = seen()
    expect_in(b"TRUTH".hex(), dumps[next(iter(spots))], "the honest frame")
    for name, dump in dumps.items():
        expect(b"LIE".hex() not in dump, f"a lie came to {name}")
    after = _traffic(l0, network)
    counted = sum(after[kind] - before[kind] for kind in ("spoofed", "refused"))
    expect(counted >= len(lies), f"{len(lies)} lies, but {counted} were counted")


def _remove(l0, checks, acme):
    with checks.check("a network is not removed from under a secondary, and leaves nothing when it goes; the host's bridge stays"):
        for name in ("storage", "lan"):
            _network(l0, "remove", "acme", name).expect_error("FAILED_PRECONDITION", "NETWORK_IN_USE", "name")
        for name in ("one", "two"):
            acme.flatvm("destroy", name).ok()
        bridges = l0.run("ip -br link show type bridge").ok().out
        for name in ("storage", "lan"):
            _network(l0, "remove", "acme", name).ok()
        expect_equal([one["name"] for one in _network(l0, "list", "acme").json()["networks"]], ["default"], "networks")
        expect("flatvm-acme.storage" not in l0.virsh("net-list", "--all", "--name").out, "its network is there")
        left = l0.run("ip -br link show type bridge").ok().out
        expect(BRIDGE in left, "the host's bridge is gone")
        expect_equal(len(left.splitlines()), len(bridges.splitlines()) - 1, "bridges")
        units = l0.run("systemctl list-units --plain --no-legend 'flatvm-dnsmasq-fv-*'").ok().out
        expect_equal(len(units.splitlines()), 2, "dnsmasqs, of acme's and globex' first networks")
