"""Three tenants' networks with real traffic: what works within, what gets out, and that nothing passes between them."""
import ipaddress
import time

import network_ceilings
import network_dns as dns
import network_frames as frames
import network_hostile
import network_modes
from checks import eventually, expect_equal, expect_in
from network_sniff import packets, sniffing, tap

TENANTS = ("acme", "globex", "initech")
OUTSIDE, UPLINK = "198.51.100.1", "198.51.100.2"
POOL = "10.213.0.0/16"  # of tenants' subnets
ADD = ["tenant", "add", "initech", "--primary", "initech-primary", "--memory", "2GiB", "--vcpus", "4", "--vms", "4", "--disk", "4GiB",
       "--json"]
CREATE = ["create", "web", "--image", "tiny", "--memory", "192MiB", "--vcpus", "1", "--json"]


def run(l0, checks):
    with checks.must("three tenants, each with a primary and a secondary"):
        l0.flatvmctl(*ADD).ok()
        l0.virsh("start", "initech-primary").ok()
        primaries = {name: l0.primary(name) for name in TENANTS}
        eventually(240, lambda: primaries["initech"].flatvm("tenant", "--json").code == 0, "initech's flatvm tenant")
        places = {name: _places(l0, primaries[name]) for name in TENANTS}
        for name in TENANTS:
            url = f"http://{places[name]['web'].address}/"
            eventually(180, lambda get=primaries[name].get, page=url: get(page).code == 0, f"{name}'s web answers")
    _within(l0, checks, primaries["acme"], places["acme"])
    _ipv6(l0, checks, primaries["acme"], places["acme"])
    _out(l0, checks, primaries["acme"])
    network_hostile.run(l0, checks, primaries, places)
    network_hostile.restarts(l0, checks, primaries, places)
    network_modes.transfer(checks, primaries["acme"], places["acme"]["web"].address)
    network_modes.forwards(l0, checks, "acme", places["acme"]["web"].address)
    network_ceilings.ceilings(l0, checks, "acme", primaries["acme"], places["acme"]["web"])
    network_modes.modes(l0, checks)


def _places(l0, primary):
    vm = primary.flatvm(*CREATE, timeout=180).json()
    tenant = l0.flatvmctl("tenant", "show", primary.name, "--json").json()
    tenant = tenant.get("tenant") or tenant
    bridge = l0.run(f"virsh net-dumpxml {tenant['network']} | sed -n \"s/.*<bridge name='\\([^']*\\)'.*/\\1/p\"").ok().out.strip()
    gateway_mac = l0.read(f"/sys/class/net/{bridge}/address").strip()

    def place(machine):
        made = frames.Place(machine["mac"], machine["address"], tenant["gateway"], gateway_mac, tenant["ipv6_subnet"])
        expect_equal([machine["ipv6_address"], tenant["ipv6_gateway"]], [made.address6, made.gateway6], "IPv6 addresses")
        return made

    return {"web": place(vm), "primary": place(tenant["primary"])}


def _within(l0, checks, acme, places):
    web = places["web"]
    with checks.check("within a tenant: ping, UDP, a page, a MiB that arrives whole"):
        acme.run(["ping", "-c", "2", "-W", "2", web.address]).ok()
        expect_equal(dns.udp(acme, web.address, 7, b"a datagram"), b"a datagram", "what comes back by UDP")
        expect_in("flatvm tiny", acme.get(f"http://{web.address}/").ok().out, "the page")
        sums = {acme.run(f"curl -sS --max-time 60 http://{web.address}/blob | sha256sum", timeout=80).ok().out for _ in range(2)}
        expect_equal(len(sums), 1, "different SHA-256 of /blob")
    with checks.check("a port is its machine's whatever hardware address udev gives the host's end"):
        port = tap(l0, "flatvm-acme.web", web.mac)
        l0.run(["ip", "link", "set", port, "address", "4e:16:a8:af:da:c2"]).ok()
        time.sleep(1)  # for flatvmd to see it
        acme.run(["ping", "-c", "2", "-W", "2", web.address]).ok()
    with checks.check("its name leads to a secondary, asked by its primary"):
        expect_in(ipaddress.ip_address(web.address).packed, dns.asked(acme, web.gateway, "web.acme.internal", dns.A), "the answer")
        expect_in(ipaddress.ip_address(web.address6).packed, dns.asked(acme, web.gateway, "web.acme.internal", dns.AAAA), "the answer")


def _ipv6(l0, checks, acme, places):
    web, own = places["web"], places["primary"]
    with checks.check("within a tenant, by IPv6: an address known before boot, ping, UDP, a page, names"):
        eventually(60, lambda: acme.run(["ping", "-6", "-c", "1", "-W", "2", web.address6]).code == 0, "web answers by IPv6")
        expect_in("flatvm tiny", acme.get(f"http://[{web.address6}]/").ok().out, "the page")
        expect_equal(dns.udp(acme, web.address6, 7, b"a datagram"), b"a datagram", "what comes back by UDP")
        expect_in(own.address6, acme.run(["ip", "-6", "addr", "show", "scope", "global"]).ok().out, "the primary's addresses")
        acme.run(["ping", "-6", "-c", "1", "-W", "5", web.gateway6]).ok()
        expect_in(ipaddress.ip_address(web.address6).packed, dns.asked(acme, web.gateway6, "web.acme.internal", dns.AAAA), "the answer")
    with checks.check("the host forwards no IPv6 because of tenants"):
        expect_equal(l0.read("/proc/sys/net/ipv6/conf/all/forwarding").strip(), "0", "net.ipv6.conf.all.forwarding")


def _out(l0, checks, acme):
    with checks.check("out: by NAT, with the uplink's address, as the world outside sees it"):
        with sniffing(l0, {"outside": (["ip", "netns", "exec", "outside"], "any")}) as seen:
            eventually(30, lambda: acme.get(f"http://{OUTSIDE}/").code == 0, "a page from outside")
            seen()
        expect_in(UPLINK, packets(l0, "outside", f"src host {UPLINK}"), "what came with the uplink's address")
        expect_equal(packets(l0, "outside", f"net {POOL}"), "", "what came with a private address")
