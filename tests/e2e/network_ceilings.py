"""Ceilings of bandwidth, with real machines: they hold, change live, outlive flatvmd and come back."""
from checks import eventually, expect, expect_equal
from network_sniff import tap

UPLINK = "198.51.100.2"
RATE_KIB, BURST_KIB, SIZE_MIB = 128, 256, 1
LEAST_SECONDS = 0.8 * (SIZE_MIB * 1024 - BURST_KIB) / RATE_KIB
NONE = {"out_bytes": 0, "in_bytes": 0, "vm_out_bytes": 0, "vm_in_bytes": 0}


def ceilings(l0, checks, tenant, primary, web):
    """`web`: the place of a secondary of the tenant's."""
    inside = f"http://{web.address}/cgi-bin/stream?{SIZE_MIB}"
    with checks.check("a ceiling that is out of range is refused by its name; a preview changes nothing"):
        _set(l0, tenant, "--net-out-bps", "1KiB").expect_error("INVALID_ARGUMENT", "FIELD_OUT_OF_RANGE", "net.out_bytes")
        shown = _set(l0, tenant, "--vm-net-out-bps", f"{RATE_KIB}KiB", "--validate-only").json()
        expect_equal(shown["net"], NONE | {"vm_out_bytes": RATE_KIB << 10}, "the preview")
        expect_equal(_shown(l0, tenant)["net"], NONE, "the tenant's limits after it")
        _expect_free(l0, tenant, primary, inside)
    with checks.check("a secondary's ceiling holds at once, to its siblings too, and what exceeds it is counted"):
        before = _exceeded(l0, tenant)
        _set(l0, tenant, "--vm-net-out-bps", f"{RATE_KIB}KiB").ok()
        _expect_slow(primary, inside)
        after = _exceeded(l0, tenant)
        expect(after["vm_out"] > before["vm_out"], f"nothing was counted: {before}, {after}")
        expect_equal(after | {"vm_out": 0}, before | {"vm_out": 0}, "what exceeded the other ceilings")
    with checks.check("it is the same program after a restart of flatvmd, and another is put in the place of one that is gone"):
        port = tap(l0, f"flatvm-{tenant}.web", web.mac)
        program = _program(l0, port)
        l0.run(["systemctl", "restart", "flatvmd"]).ok()
        expect_equal(_program(l0, port), program, "the program's name and number")
        _expect_slow(primary, inside)
        l0.run(["tc", "qdisc", "del", "dev", port, "clsact"]).ok()
        eventually(60, lambda: _program(l0, port) is not None, "the port's program")
        _expect_slow(primary, inside)
    with checks.check("the tenant's own holds towards the world, and leaves its machines to each other"):
        _set(l0, tenant, "--vm-net-out-bps", "none", "--net-out-bps", f"{RATE_KIB}KiB", "--forward", "tcp:9080=web:80").ok()
        _expect_free(l0, tenant, primary, inside)
        outside = f"http://{UPLINK}:9080/cgi-bin/stream?{SIZE_MIB}"
        before = _exceeded(l0, tenant)
        _expect_slow(l0, outside, "ip netns exec outside ")
        expect(_exceeded(l0, tenant)["out"] > before["out"], "nothing was counted")
        _set(l0, tenant, "--net-out-bps", "none").ok()
        _expect_free(l0, tenant, l0, outside, "ip netns exec outside ")
        _set(l0, tenant, "--forward", "none").ok()


def on_bridge(l0, checks, tenant, address, before):
    """`address`: a secondary's on a bridge of the host's; `before`: how a command runs that comes from there."""
    page = f"http://{address}/cgi-bin/stream?{SIZE_MIB}"
    with checks.check("a secondary's ceiling, and its tenant's, hold on the host's bridge, too"):
        _expect_free(l0, tenant, l0, page, before)
        for ceiling, counted in (("--vm-net-out-bps", "vm_out"), ("--net-out-bps", "out")):
            exceeded = _exceeded(l0, tenant)[counted]
            _set(l0, tenant, ceiling, f"{RATE_KIB}KiB").ok()
            _expect_slow(l0, page, before)
            expect(_exceeded(l0, tenant)[counted] > exceeded, f"nothing was counted for {ceiling}")
            _set(l0, tenant, ceiling, "none").ok()
        _expect_free(l0, tenant, l0, page, before)


def _set(l0, tenant, *words):
    return l0.flatvmctl("tenant", "set", tenant, *words, "--json")


def _shown(l0, tenant):
    shown = l0.flatvmctl("tenant", "show", tenant, "--json").json()
    return shown.get("tenant") or shown


def _exceeded(l0, tenant):
    return _shown(l0, tenant)["traffic"]["exceeded"]


def _seconds(machine, url, before=""):
    said = machine.run(f"{before}curl -sS --max-time 100 -o /dev/null -w '%{{size_download}} %{{time_total}}' '{url}'", timeout=120).ok().out
    size, seconds = said.split()
    expect_equal(int(size), SIZE_MIB << 20, f"bytes of {url}")
    return float(seconds)


def _expect_slow(machine, url, before=""):
    seconds = _seconds(machine, url, before)
    expect(seconds >= LEAST_SECONDS, f"{SIZE_MIB} MiB took {seconds} s, at {RATE_KIB} KiB/s")


def _expect_free(l0, tenant, machine, url, before=""):
    exceeded = _exceeded(l0, tenant)
    _seconds(machine, url, before)
    expect_equal(_exceeded(l0, tenant), exceeded, f"what exceeded a ceiling while {url} came")


def _program(l0, port):
    """How tc(8) names the guard's program for what comes from the machine, with the kernel's number of it; None: it is not there."""
    lines = [line for line in l0.run(["tc", "filter", "show", "dev", port, "ingress"]).out.splitlines() if "flatvm-" in line]
    return lines[0].split("handle", 1)[1] if lines else None
