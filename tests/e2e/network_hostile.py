"""Hostile secondaries, one in each tenant: what they send that is a lie or for others, who sees it, and whether it is counted."""
import contextlib
from dataclasses import dataclass

import network_frames as frames
from checks import eventually, expect, expect_equal, expect_in
from network_sniff import sniffing, tap

OUTSIDE, UPLINK = "198.51.100.1", "198.51.100.2"
BATCH = 24  # frames for one request: its line may have 8 KiB
FEW = 6  # so that sending all takes longer than the restart of a daemon
FLUSHES = "while :; do nft flush ruleset; echo flushed; sleep 0.05; done"


@dataclass(frozen=True)
class Sent:
    """A frame, and where its marker may be seen."""
    sender: str
    what: str
    marker: bytes
    frame: bytes
    at_home: bool  # its own network is not to see it either
    out: bool = False  # while there is no table it is stopped at the uplink, where nobody knows whose it is

    def passed(self, spot):
        return spot != f"{self.sender}-web" and (self.at_home or spot != f"{self.sender}-primary")

    @property
    def dropped(self):
        return frames.STRAY not in self.what


def of_tenant(name, places):
    """Every kind of frame that the tenant's secondary sends: to its neighbours, to each machine of each other tenant, and out."""
    own, sibling = places[name]["web"], places[name]["primary"]
    kinds = [(frames.to_neighbours, sibling, "neighbours", {})]
    for victim in sorted(places.keys() - {name}):
        kinds += [(frames.to_others, places[victim][machine], f"{victim}'s {machine}", {"uplink": UPLINK}) for machine in ("web", "primary")]
    kinds.append((frames.to_outside, OUTSIDE, "the world outside", {}))
    number = 0
    for make, victim, to, more in kinds:
        for index in range(len(list(make(own, victim, marker=b"x", **more)))):
            number += 1
            marker = b"FLAT" + name.encode() + number.to_bytes(4, "big") + b"MARK"
            what, frame = list(make(own, victim, marker=marker, **more))[index]
            yield Sent(name, f"{what} (from {name} to {to})", marker, frame, at_home=make is frames.to_neighbours, out=make is frames.to_outside)


class Hostile:
    """Tenants by name: their primaries, by which their secondaries are told what to send, and where all machines are."""

    def __init__(self, l0, primaries, places):
        self._l0, self._primaries, self._places = l0, primaries, places
        self._spots = {"outside": (["ip", "netns", "exec", "outside"], "any")}
        for name in primaries:
            self._spots[f"{name}-primary"] = ([], tap(l0, f"{name}-primary", places[name]["primary"].mac))
            self._spots[f"{name}-web"] = ([], tap(l0, f"flatvm-{name}.web", places[name]["web"].mac))

    def send(self, name, sent):
        for start in range(0, len(sent), BATCH):
            batch = [frame.hex() for frame in sent[start:start + BATCH]]
            url = f"http://{self._places[name]['web'].address}/cgi-bin/frame?{','.join(batch)}"
            expect_equal(self._primaries[name].get(url, 30).ok().out.strip(), f"sent {len(batch)}", "frames")

    def control(self, name):
        """Sends what is allowed; gives its marker."""
        own, sibling, marker = self._places[name]["web"], self._places[name]["primary"], b"CONTROL" + name.encode()
        self.send(name, [frames.honest(own, sibling, marker)])
        return marker

    def dropped(self, name):
        shown = self._l0.flatvmctl("tenant", "show", name, "--json").json()
        traffic = (shown.get("tenant") or shown)["traffic"]
        return traffic["spoofed"] + traffic["refused"]

    @contextlib.contextmanager
    def watched(self, name, sent, counted=lambda one: one.dropped):
        """Fails if one that is sent meanwhile, of `sent` by that tenant, passes, or if fewer are counted than are to be `counted`."""
        before = self.dropped(name)
        with sniffing(self._l0, self._spots) as seen:
            control = self.control(name)
            yield
            dumps = seen()
        expect_in(control.hex(), dumps[f"{name}-primary"], "what an honest frame leaves")
        passed = [f"{one.what}, seen at {spot}" for one in sent for spot, dump in dumps.items()
                  if one.marker.hex() in dump and one.passed(spot)]
        expect_equal(passed, [], "frames that passed")
        more, wanted = self.dropped(name) - before, sum(counted(one) for one in sent)
        expect(more >= wanted, f"{wanted} frames were to be dropped and counted, {more} were")


def run(l0, checks, primaries, places):
    hostile = Hostile(l0, primaries, places)
    first, *others = primaries
    _one_by_one(checks, hostile, first, places)
    for name in others:
        with checks.check(f"from inside a hostile secondary of {name}: no frame passes that is a lie or for others, and every one is counted"):
            sent = list(of_tenant(name, places))
            with hostile.watched(name, sent):
                hostile.send(name, [one.frame for one in sent])
    for name in primaries:
        _flushed(l0, checks, hostile, name, places)
    with checks.check("the filter is back, and what is allowed passes"):
        eventually(30, lambda: l0.run(["nft", "list", "table", "inet", "flatvm"]).code == 0, "the table")
        for name, primary in primaries.items():
            eventually(30, lambda get=primary.get: get(f"http://{OUTSIDE}/").code == 0, f"a page from outside, for {name}")


def _one_by_one(checks, hostile, name, places):
    with checks.check(f"from inside a hostile secondary of {name}: no frame passes that is a lie or for others, and each is counted by itself"):
        sent, uncounted = list(of_tenant(name, places)), []
        with hostile.watched(name, sent):
            for one in sent:
                before = hostile.dropped(name)
                hostile.send(name, [one.frame])
                if one.dropped and hostile.dropped(name) == before:
                    uncounted.append(one.what)
        expect_equal(uncounted, [], "frames that were not counted")


def _flushed(l0, checks, hostile, name, places):
    with checks.check(f"from inside a hostile secondary of {name}, while the whole ruleset is flushed again and again: the same"):
        sent = list(of_tenant(name, places))
        unit = f"flushes-{name}"
        l0.run(["systemd-run", "-q", "--unit", unit, "sh", "-c", FLUSHES]).ok()
        try:
            with hostile.watched(name, sent, counted=lambda one: one.dropped and not one.out):
                hostile.send(name, [one.frame for one in sent])
        finally:
            l0.run(["systemctl", "stop", unit])
        l0.run(f"journalctl -q -o cat -u {unit} | grep -q flushed").ok()


def restarts(l0, checks, primaries, places):
    hostile = Hostile(l0, primaries, places)
    for name, service in zip(primaries, ("flatvmd", "libvirtd")):
        with checks.check(f"a restart of {service} opens no path"):
            sent = list(of_tenant(name, places))
            with hostile.watched(name, sent, counted=lambda one: False):
                l0.run(["systemctl", "restart", "--no-block", service]).ok()
                for start in range(0, len(sent), FEW):
                    hostile.send(name, [one.frame for one in sent[start:start + FEW]])
            eventually(60, lambda flatvm=primaries[name].flatvm: flatvm("list", "--json").code == 0, "list")
