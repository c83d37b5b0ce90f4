"""Frames that a hostile machine sends, each with a marker at its end by which a sniffer finds it."""
import ipaddress
import struct
from dataclasses import dataclass

# True as to its sender, and for nobody on its network, which is as far as it gets: not dropped.
STRAY = "IPv4 to the victim's MAC"
ALL, ALL_NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"


@dataclass(frozen=True)
class Place:
    """A machine and where its tenant's network is."""
    mac: str
    address: str
    gateway: str
    gateway_mac: str
    prefix: str  # of its IPv6 address, "fd…::/64"

    @property
    def address6(self):
        return eui64(self.prefix, self.mac)

    @property
    def gateway6(self):
        return str(ipaddress.ip_network(self.prefix)[1])


def eui64(prefix, mac):
    """The address of that prefix that follows from the MAC."""
    parts = [int(part, 16) for part in mac.split(":")]
    parts[0] ^= 2
    return str(ipaddress.IPv6Address(ipaddress.ip_network(prefix).network_address.packed[:8] + bytes(parts[:3]) + b"\xff\xfe" + bytes(parts[3:])))


def link_local(mac):
    return eui64("fe80::/64", mac)


def _mac(text):
    return bytes.fromhex(text.replace(":", ""))


def _ip(text):
    return ipaddress.ip_address(text).packed


def ethernet(to, source, kind, payload):
    return _mac(to) + _mac(source) + struct.pack("!H", kind) + payload


def _sum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, to, protocol, payload, fragment=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 77, fragment, 64, protocol, 0, _ip(source), _ip(to))
    return head[:10] + struct.pack("!H", _sum(head)) + head[12:] + payload


def ipv6(source, to, protocol, payload):
    return struct.pack("!IHBB16s16s", 0x60000000, len(payload), protocol, 255, _ip(source), _ip(to)) + payload


def udp(source, to, payload):
    return struct.pack("!HHHH", source, to, 8 + len(payload), 0) + payload


def arp(operation, mac, source, target):
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, operation, _mac(mac), _ip(source), bytes(6), _ip(target))


def _nd(kind, target, mac, option):
    return struct.pack("!BBHI16sBB6s", kind, 0, 0, 0, _ip(target), option, 1, _mac(mac))


def honest(own, to, marker):
    """What its sibling may get from it."""
    return ethernet(to.mac, own.mac, 0x800, ipv4(own.address, to.address, 17, udp(1000, 2000, marker)))


def to_neighbours(own, sibling, marker):
    """(what, frame) of lies on its own network: nobody there, nor anywhere else, is to see one."""
    local, near = link_local(own.mac), link_local(sibling.mac)
    body = udp(1000, 2000, marker)
    advert = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    options = struct.pack("!BBHI", 58, 0, 0x0104, 0)
    tag = struct.pack("!HH", 5, 0x800)
    in4 = lambda payload, to=sibling.mac, mac=own.mac: ethernet(to, mac, 0x800, payload)  # noqa: E731
    in6 = lambda payload, to=ALL_NODES: ethernet(to, own.mac, 0x86DD, payload)  # noqa: E731
    yield "a sibling's MAC", in4(ipv4(own.address, sibling.address, 17, body), ALL, sibling.mac)
    yield "the gateway's MAC", in4(ipv4(own.address, sibling.address, 17, body), sibling.mac, own.gateway_mac)
    yield "a sibling's IPv4 address", in4(ipv4(sibling.address, sibling.address, 17, body))
    yield "the gateway's IPv4 address", in4(ipv4(own.gateway, sibling.address, 17, body))
    yield "a foreign IPv4 address in a fragment", in4(ipv4("192.0.2.9", sibling.address, 17, marker, 0x10))
    yield "a DHCP server", in4(ipv4(own.address, "255.255.255.255", 17, udp(67, 68, marker)), ALL)
    yield "a DHCP server at another port", in4(ipv4(own.address, "255.255.255.255", 17, udp(1000, 68, marker)), ALL)
    yield "gratuitous ARP for the gateway", ethernet(ALL, own.mac, 0x806, arp(1, own.mac, own.gateway, own.gateway) + marker)
    yield "ARP for a sibling", ethernet(ALL, own.mac, 0x806, arp(2, own.mac, sibling.address, own.address) + marker)
    yield "ARP with another MAC", ethernet(ALL, own.mac, 0x806, arp(2, sibling.mac, own.address, own.address) + marker)
    yield "a sibling's IPv6 address", in6(ipv6(near, "ff02::1", 17, body))
    yield "a sibling's unique local address", in6(ipv6(sibling.address6, "ff02::1", 17, body))
    yield "the gateway's unique local address", in6(ipv6(own.gateway6, "ff02::1", 17, body))
    yield "a global IPv6 address", in6(ipv6("2001:db8::1", "ff02::1", 17, body))
    yield "a router", in6(ipv6(local, "ff02::1", 58, advert + marker))
    yield "a router behind destination options", in6(ipv6(local, "ff02::1", 60, options + advert + marker))
    yield "a router behind hop-by-hop options", in6(ipv6(local, "ff02::1", 0, options + advert + marker))
    yield "a neighbour advertisement for a sibling", in6(ipv6(local, "ff02::1", 58, _nd(136, near, own.mac, 2) + marker))
    yield "a neighbour solicitation with another MAC", in6(ipv6(local, "ff02::1", 58, _nd(135, near, sibling.mac, 1) + marker))
    yield "a DHCPv6 server", in6(ipv6(local, "ff02::1", 17, udp(547, 546, marker)))
    yield "a DHCPv6 server at another port", in6(ipv6(local, "ff02::1", 17, udp(1000, 546, marker)))
    yield "a VLAN", ethernet(sibling.mac, own.mac, 0x8100, tag + ipv4(own.address, sibling.address, 17, body))
    yield "an unknown Ethernet type", ethernet(sibling.mac, own.mac, 0x88B5, marker + bytes(46))


def to_others(own, victim, uplink, marker):
    """(what, frame) for another tenant's machine, and for the host beyond DHCP, DNS and echo: nobody else is to see one."""
    body = udp(1000, 2000, marker)
    by_gateway = lambda payload: ethernet(own.gateway_mac, own.mac, 0x800, payload)  # noqa: E731
    yield "IPv4, by the gateway", by_gateway(ipv4(own.address, victim.address, 17, body))
    yield "IPv4 from the victim's own sibling", by_gateway(ipv4(victim.gateway, victim.address, 17, body))
    yield "IPv4 from the victim itself", by_gateway(ipv4(victim.address, victim.address, 17, body))
    yield "a fragment", by_gateway(ipv4(own.address, victim.address, 17, marker, 0x10))
    yield "the victim's broadcast address", by_gateway(ipv4(own.address, victim.gateway.rsplit(".", 1)[0] + ".255", 17, body))
    yield STRAY, ethernet(victim.mac, own.mac, 0x800, ipv4(own.address, victim.address, 17, body))
    yield "the victim's MAC as its own", ethernet(victim.mac, victim.mac, 0x800, ipv4(victim.address, victim.address, 17, body))
    yield "broadcast", ethernet(ALL, own.mac, 0x800, ipv4(victim.gateway, "255.255.255.255", 17, body))
    yield "ARP for the victim's gateway", ethernet(ALL, own.mac, 0x806, arp(2, own.mac, victim.gateway, victim.address) + marker)
    yield "IPv6 by the gateway", ethernet(own.gateway_mac, own.mac, 0x86DD,
                                         ipv6(link_local(own.mac), link_local(victim.mac), 17, body))
    by_gateway6 = lambda payload: ethernet(own.gateway_mac, own.mac, 0x86DD, payload)  # noqa: E731
    yield "IPv6 to the victim's unique local address", by_gateway6(ipv6(own.address6, victim.address6, 17, body))
    yield "IPv6 from the victim itself", by_gateway6(ipv6(victim.address6, victim.address6, 17, body))
    yield "the victim's gateway by IPv6", by_gateway6(ipv6(own.address6, victim.gateway6, 17, udp(1000, 53, marker)))
    yield "a port of the gateway that is not served, by IPv6", by_gateway6(ipv6(own.address6, own.gateway6, 17, udp(1000, 111, marker)))
    yield "the victim's gateway", by_gateway(ipv4(own.address, victim.gateway, 17, udp(1000, 53, marker)))
    yield "the host's own address", by_gateway(ipv4(own.address, uplink, 17, udp(1000, 53, marker)))
    yield "a port of the gateway that is not served", by_gateway(ipv4(own.address, own.gateway, 17, udp(1000, 111, marker)))


def to_outside(own, outside, marker):
    """(what, frame) of no connection, so nothing that NAT would give the uplink's address: nobody is to see one."""
    by_gateway = lambda protocol, payload: ethernet(own.gateway_mac, own.mac, 0x800, ipv4(own.address, outside, protocol, payload))  # noqa: E731
    never = ipv4(outside, own.address, 17, udp(7, 7, marker))

    def icmp(kind, payload):
        head = struct.pack("!BBHI", kind, 0, 0, 0)
        return by_gateway(1, head[:2] + struct.pack("!H", _sum(head + payload)) + head[4:] + payload)

    def tcp(flags):
        head = struct.pack("!HHIIBBHHH", 1000, 2000, 1, 1, 0x50, flags, 512, 0, 0)
        pseudo = _ip(own.address) + _ip(outside) + struct.pack("!HH", 6, len(head + marker))
        return by_gateway(6, head[:16] + struct.pack("!H", _sum(pseudo + head + marker)) + head[18:] + marker)

    yield "an echo reply that nobody asked for", icmp(0, marker)
    yield "an error about a packet that never was", icmp(3, never)
    yield "a redirect", icmp(5, never)
    yield "TCP without a flag", tcp(0)
    yield "TCP with SYN and FIN", tcp(3)
    yield "a reset of no connection", tcp(4)
