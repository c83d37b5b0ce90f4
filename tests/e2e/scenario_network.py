"""Three tenants' networks with real traffic: what works within, what gets out, and that nothing passes between them."""
import network_frames as frames
import network_modes
from checks import eventually, expect, expect_equal, expect_in
from network_sniff import sniffing, tap

TENANTS = ("acme", "globex", "initech")
OUTSIDE, UPLINK = "198.51.100.1", "198.51.100.2"
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
    _out(l0, checks, primaries["acme"])
    for flushed in (False, True):
        _hostile(l0, checks, primaries["acme"], places, flushed)
    _restarts(l0, checks, primaries["acme"], places)
    network_modes.transfer(checks, primaries["acme"], places["acme"]["web"].address)
    network_modes.forwards(l0, checks, "acme", places["acme"]["web"].address)
    network_modes.modes(l0, checks)


def _places(l0, primary):
    vm = primary.flatvm(*CREATE, timeout=180).json()
    tenant = l0.flatvmctl("tenant", "show", primary.name, "--json").json()
    tenant = tenant.get("tenant") or tenant
    bridge = l0.run(f"virsh net-dumpxml {tenant['network']} | sed -n \"s/.*<bridge name='\\([^']*\\)'.*/\\1/p\"").ok().out.strip()
    gateway_mac = l0.read(f"/sys/class/net/{bridge}/address").strip()

    def place(mac, address):
        return frames.Place(mac=mac, address=address, gateway=tenant["gateway"], gateway_mac=gateway_mac)

    return {"web": place(vm["mac"], vm["address"]), "primary": place(tenant["primary"]["mac"], tenant["primary"]["address"])}


def _within(l0, checks, acme, places):
    web = places["web"]
    with checks.check("within a tenant: ping, a page, a MiB that arrives whole"):
        acme.run(["ping", "-c", "2", "-W", "2", web.address]).ok()
        expect_in("flatvm tiny", acme.get(f"http://{web.address}/").ok().out, "the page")
        sums = {acme.run(f"curl -sS --max-time 60 http://{web.address}/blob | sha256sum", timeout=80).ok().out for _ in range(2)}
        expect_equal(len(sums), 1, "different SHA-256 of /blob")
    with checks.check("its name leads to a secondary"):
        said = l0.run(["busybox", "nslookup", "web.acme.internal", web.gateway]).ok().out
        expect_in(web.address, said, "nslookup")


def _out(l0, checks, acme):
    with checks.check("out: by NAT, with the uplink's address, as the world outside sees it"):
        with sniffing(l0, {"outside": (["ip", "netns", "exec", "outside"], "any")}) as seen:
            eventually(30, lambda: acme.get(f"http://{OUTSIDE}/").code == 0, "a page from outside")
            dump = seen()["outside"]
        expect(bytes(map(int, UPLINK.split("."))).hex() in dump, "nothing came with the uplink's address")
        expect("0ad5" not in dump, "a private address came out")


def _counted(l0):
    shown = l0.flatvmctl("tenant", "show", "acme", "--json").json()
    return (shown.get("tenant") or shown)["traffic"]


def _frames(places):
    """(what, marker, frame, whether its own network must not see it either) of every kind."""
    own, sibling = places["acme"]["web"], places["acme"]["primary"]
    kinds = [(frames.to_neighbours, sibling, "neighbours", {})]
    for victim in TENANTS[1:]:
        for machine in ("web", "primary"):
            kinds.append((frames.to_others, places[victim][machine], f"{victim}'s {machine}", {"uplink": UPLINK}))
    number = 0
    for make, victim, name, more in kinds:
        for index in range(len(list(make(own, victim, marker=b"x", **more)))):
            number += 1
            marker = b"FLATVM" + number.to_bytes(4, "big") + b"MARK"
            what, frame = list(make(own, victim, marker=marker, **more))[index]
            yield f"{what} (to {name})", marker, frame, make is frames.to_neighbours


def _hostile(l0, checks, acme, places, flushed):
    how = "while the whole ruleset is flushed again and again" if flushed else "from inside a hostile secondary"
    own, sibling = places["acme"]["web"], places["acme"]["primary"]
    spots = {"outside": (["ip", "netns", "exec", "outside"], "any")}
    for name in TENANTS:
        spots[f"{name}-primary"] = ([], tap(l0, f"{name}-primary", places[name]["primary"].mac))
        if name != "acme":
            spots[f"{name}-web"] = ([], tap(l0, f"flatvm-{name}.web", places[name]["web"].mac))

    def send(frame):
        if flushed:
            l0.run(["nft", "flush", "ruleset"]).ok()
        said = acme.get(f"http://{own.address}/cgi-bin/frame?{frame.hex()}").ok().out
        expect_equal(said.strip(), "sent", "the frame")

    with checks.check(f"{how}: no frame passes that is a lie or for others, and every one is counted"):
        sent = list(_frames(places))
        before = _counted(l0)
        control = b"FLATVMCONTROL"
        with sniffing(l0, spots) as seen:
            send(frames.honest(own, sibling, control))
            for _, _, frame, _ in sent:
                send(frame)
            dumps = seen()
        expect_in(control.hex(), dumps["acme-primary"], "what an honest frame leaves")
        passed = [f"{what}, seen at {spot}" for what, marker, _, at_home in sent for spot, dump in dumps.items()
                  if marker.hex() in dump and (at_home or not spot.startswith("acme"))]
        expect_equal(passed, [], "frames that passed")
        after, wanted = _counted(l0), sum(frames.STRAY not in what for what, *_ in sent)
        dropped = after["spoofed"] + after["refused"] - before["spoofed"] - before["refused"]
        expect(dropped >= wanted, f"{wanted} frames were to be dropped, {dropped} were counted: {before}, {after}")
    if flushed:
        with checks.check("the filter is back, and what is allowed passes"):
            eventually(30, lambda: l0.run(["nft", "list", "table", "inet", "flatvm"]).code == 0, "the table")
            eventually(30, lambda: acme.get(f"http://{OUTSIDE}/").code == 0, "a page from outside")


def _restarts(l0, checks, acme, places):
    own, victim = places["acme"]["web"], places["globex"]["web"]
    for service in ("flatvmd", "libvirtd"):
        with checks.check(f"a restart of {service} opens no path"):
            marker = b"FLATVMRESTART" + service.encode()
            spots = {"victim": ([], tap(l0, "flatvm-globex.web", victim.mac))}
            forged = [frame for _, frame in frames.to_others(own, victim, UPLINK, marker)]
            with sniffing(l0, spots) as seen:
                l0.run(["systemctl", "restart", "--no-block", service]).ok()
                for frame in forged:
                    acme.get(f"http://{own.address}/cgi-bin/frame?{frame.hex()}").ok()
                dump = seen()["victim"]
            expect(marker.hex() not in dump, "a frame passed")
            eventually(60, lambda: acme.flatvm("list", "--json").code == 0, "list")
