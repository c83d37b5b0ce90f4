"""A tenant's network in its modes, and ports of the host that lead to it, with real machines."""
import base64
import hashlib

from checks import eventually, expect, expect_equal, expect_in

OUTSIDE, UPLINK = "198.51.100.1", "198.51.100.2"
NAME, PRIMARY = "initech", "initech-primary"
ADD = ["tenant", "add", NAME, "--primary", PRIMARY, "--memory", "2GiB", "--vcpus", "4", "--vms", "4", "--disk", "4GiB", "--json"]
CREATE = ["create", "web", "--image", "tiny", "--memory", "192MiB", "--vcpus", "1", "--json"]
LARGE_MIB = 256


def transfer(checks, primary, address):
    with checks.check(f"within a tenant: {LARGE_MIB} MiB in one answer, with the right checksum"):
        blob = primary.run(f"curl -sS --max-time 60 http://{address}/blob | base64 -w0", timeout=80).ok().out
        data = base64.b64decode(blob)
        expect_equal(len(data), 1 << 20, "bytes of /blob")
        wanted = hashlib.sha256(data * LARGE_MIB).hexdigest()
        got = primary.run(f"curl -sS --max-time 540 http://{address}/cgi-bin/stream?{LARGE_MIB} | sha256sum", timeout=560).ok().out.split()[0]
        expect_equal(got, wanted, "SHA-256")


def forwards(l0, checks, tenant, address):
    """`address`: of the tenant's web."""
    outside = ["ip", "netns", "exec", "outside", "curl", "-sS", "--max-time", "10", f"http://{UPLINK}:9080/"]
    with checks.check("a port of the host leads to a secondary, from outside, while it is forwarded and no longer"):
        expect(l0.run(outside).code != 0, "somebody answers already")
        shown = l0.flatvmctl("tenant", "set", tenant, "--forward", "tcp:9080=web:80", "--json").json()
        expect_equal(shown["forwards"], [{"protocol": "tcp", "host_port": 9080, "machine": "web", "port": 80}], "forwards")
        eventually(20, lambda: "flatvm tiny" in l0.run(outside).out, "web's page, by the host's port")
        l0.run(["nft", "flush", "ruleset"]).ok()
        eventually(20, lambda: "flatvm tiny" in l0.run(outside).out, "the page after a flush")
        direct = ["ip", "netns", "exec", "outside", "curl", "-sS", "--max-time", "3", f"http://{address}/"]
        expect(l0.run(direct).code != 0, "web answers by its own address")
        l0.flatvmctl("tenant", "set", tenant, "--forward", "none").ok()
        expect(l0.run(outside).code != 0, "it answers still")
    with checks.check("a port that the host itself listens at, and one of another tenant's, are refused"):
        l0.run(["systemd-run", "-q", "--unit", "listens", "socat", "TCP-LISTEN:9081,fork", "EXEC:true"]).ok()
        eventually(10, lambda: "9081" in l0.run("ss -ltn").out, "socat listens")
        l0.flatvmctl("tenant", "set", tenant, "--forward", "tcp:9081=web:80", "--json").expect_error(
            "FAILED_PRECONDITION", "PORT_TAKEN", "forwards.host_port")
        l0.run(["systemctl", "stop", "listens"])
        l0.flatvmctl("tenant", "set", "globex", "--forward", "tcp:9080=web:80").ok()
        l0.flatvmctl("tenant", "set", tenant, "--forward", "tcp:9080=web:80", "--json").expect_error(
            "FAILED_PRECONDITION", "PORT_TAKEN", "forwards.host_port")
        l0.flatvmctl("tenant", "set", "globex", "--forward", "none").ok()


def modes(l0, checks):
    """Removes the tenant, and makes it anew."""
    with checks.check("a mode does not change while machines are on the network"):
        l0.flatvmctl("tenant", "set", NAME, "--network", "isolated", "--json").expect_error(
            "FAILED_PRECONDITION", "NETWORK_IN_USE", "network_mode")
    with checks.check("isolated: machines have each other and their names, and nobody else"):
        primary, web = _made(l0, "isolated")
        expect_in("flatvm tiny", primary.get(f"http://{web}/").ok().out, "the page")
        expect(not _pings(primary, web, OUTSIDE), "a secondary reaches the world")
        expect(primary.run(["ping", "-c", "1", "-W", "2", OUTSIDE]).code != 0, "the primary reaches the world")
        gateway = web.rpartition(".")[0] + ".1"
        expect_in(web, l0.run(["busybox", "nslookup", "web.initech.internal", gateway]).ok().out, "its name")
        said = l0.run(["busybox", "nslookup", "elsewhere.example", gateway])
        expect_in("REFUSED", said.out + said.err, "another name")
    with checks.check("via-primary: secondaries leave through the primary, if it lets them"):
        l0.run(["virsh", "-q", "destroy", PRIMARY])
        l0.flatvmctl("tenant", "remove", NAME, "--destroy-secondaries").ok()
        primary, web = _made(l0, "via-primary")
        primary.run(["sysctl", "-q", "net.ipv4.ip_forward=0"]).ok()
        expect(not _pings(primary, web, OUTSIDE), "a secondary reaches the world past its primary")
        primary.run("sysctl -q net.ipv4.ip_forward=1 && nft add table ip cni && "
                    "nft 'add chain ip cni out { type nat hook postrouting priority srcnat; }' && "
                    "nft 'add rule ip cni out ip daddr != 10.213.0.0/16 masquerade'").ok()
        eventually(30, lambda: _pings(primary, web, OUTSIDE), "the world, through the primary")
        expect(_pings(primary, web, OUTSIDE), "a second time: no redirect led it elsewhere")


def _made(l0, mode):
    if NAME in {tenant["name"] for tenant in l0.flatvmctl("tenant", "list", "--json").json()["tenants"]}:
        l0.run(["virsh", "-q", "destroy", PRIMARY])
        l0.flatvmctl("tenant", "remove", NAME, "--destroy-secondaries").ok()
    l0.flatvmctl(*ADD, "--network", mode).ok()
    l0.virsh("start", PRIMARY).ok()
    primary = l0.primary(NAME)
    eventually(240, lambda: primary.flatvm("tenant", "--json").code == 0, "initech's flatvm tenant")
    expect_equal(primary.flatvm("tenant", "--json").json()["network_mode"], mode, "network_mode, as the primary sees it")
    web = primary.flatvm(*CREATE, timeout=180).json()["address"]
    eventually(180, lambda: primary.get(f"http://{web}/").code == 0, "its web answers")
    return primary, web


def _pings(primary, web, address):
    return " 0% packet loss" in primary.get(f"http://{web}/cgi-bin/ping?{address}", seconds=30).out
