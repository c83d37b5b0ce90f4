"""The main story: a primary asks its host for a sibling, uses it, and gives it back; nobody else sees any of it."""
import ipaddress
import re

from checks import eventually, expect, expect_equal, expect_in, expect_subset

SLICE = "flatvm-acme.slice"
DOMAIN = "flatvm-acme.web"
CREATE = ["create", "web", "--image", "tiny", "--memory", "192MiB", "--vcpus", "1", "--json"]


def run(l0, checks):
    acme, globex = l0.primary("acme"), l0.primary("globex")
    before = _two_tenants(l0, checks, acme, globex)
    vm = _create(l0, checks, acme)
    _use(l0, checks, acme, vm)
    _agree(l0, checks, acme, vm)
    _in_one_slice(l0, checks)
    _unseen(checks, globex, vm)
    _secondary_is_refused(checks, acme, vm)
    _destroy(l0, checks, acme, vm, before)


def _leftovers(l0):
    """Everything on the host that belongs to secondaries; compared before and after."""
    return {
        "domains": l0.domains(),
        "links": l0.links(),
        "scopes": set(re.findall(r"machine-qemu\S+\.scope", l0.run(["systemctl", "list-units", "--plain", "--no-legend", "*.scope"]).out)),
        "files": set(l0.run("find /var/lib/flatvm/tenants -mindepth 2 -not -path '*/audit*' -not -name '*.log'").out.splitlines()),
        "hosts and names": set(l0.run("cat /run/flatvm/dnsmasq/*/hosts /run/flatvm/dnsmasq/*/names").ok().out.splitlines()),
        "nft": l0.run("nft list ruleset | grep -c . ; nft -j list ruleset | jq '[.nftables[].set? // empty | .elem? // [] | length] | add'").out,
    }


def _two_tenants(l0, checks, acme, globex):
    with checks.must("two tenants, each with a running primary"):
        tenants = l0.flatvmctl("tenant", "list", "--json").json()["tenants"]
        expect_equal(sorted(tenant["name"] for tenant in tenants), ["acme", "globex"], "tenants")
        expect({"acme-primary", "globex-primary"} <= l0.domains(), lambda: f"running domains: {l0.domains()}")
    with checks.must("each primary sees its own tenant"):
        for primary in (acme, globex):
            expect_equal(primary.flatvm("tenant", "--json").json()["name"], primary.name, "tenant")
    with checks.must("acme starts with no secondary"):
        expect_equal(acme.flatvm("list", "--json").json(), {"vms": []}, "list")
    return {"tenant": acme.flatvm("tenant", "--json").json(), "left": _leftovers(l0)}


def _create(l0, checks, acme):
    vm = {}
    with checks.must("acme's primary creates web"):
        vm = acme.flatvm(*CREATE, timeout=180).json()
        expect_subset({"name": "web", "tenant": "acme", "image": "tiny", "memory_mib": 192, "vcpus": 1}, vm, "created")
        for field in ("id", "state", "address", "mac", "cid", "created_at"):
            expect(vm.get(field), lambda name=field: f"create's answer has no {name}: {vm}")
        ipaddress.IPv4Address(vm["address"])
    with checks.check("the answer says how long each stage took"):
        stages = vm.get("stages", [])
        expect(stages, "no stages")
        expect(all(stage.get("stage") and int(stage.get("duration_us", -1)) >= 0 for stage in stages), f"stages: {stages}")
    with checks.check("the domain runs"):
        expect_in(DOMAIN, l0.domains(), "running domains")
    with checks.must("the secondary's init speaks"):
        log = eventually(120, lambda: _console(l0, "flatvm-tiny: init speaks"), "init speaks on the console")
        expect_in("flatvm-tiny: init speaks", log, log)
    return vm


def _console(l0, text):
    """The path of the console log of web once it has the text."""
    path = l0.run(f"virsh dumpxml {DOMAIN} | sed -n \"s/.*<source path='\\([^']*\\)'.*/\\1/p; s/.*<log file='\\([^']*\\)'.*/\\1/p\"").out
    for line in path.split():
        log = l0.read(line)
        if text in log:
            return log
    return None


def _use(l0, checks, acme, vm):
    with checks.must("the secondary has the address that the answer named"):
        eventually(120, lambda: _console(l0, f"flatvm-tiny: ready {vm['address']}"), "the secondary is ready at its address")
    with checks.check("acme's primary pings web"):
        eventually(30, lambda: acme.run(["ping", "-c", "1", "-W", "2", vm["address"]]).code == 0, "ping")
    with checks.check("acme's primary fetches a page from web"):
        page = eventually(30, lambda: acme.get(f"http://{vm['address']}/").ok(), "the page")
        expect_in("flatvm tiny", page.out, "the page")
    with checks.check("a MiB from web arrives whole"):
        size = acme.run(f"curl -sS --max-time 60 http://{vm['address']}/blob | wc -c", timeout=80).ok().out.strip()
        expect_equal(size, "1048576", "bytes of /blob")


def _agree(l0, checks, acme, vm):
    wanted = {field: vm[field] for field in ("id", "name", "tenant", "image", "memory_mib", "vcpus", "address", "mac", "cid")}
    with checks.check("list in the primary shows web"):
        vms = acme.flatvm("list", "--json").json()["vms"]
        expect_equal([entry["name"] for entry in vms], ["web"], "names")
        expect_subset({name: wanted[name] for name in ("id", "name", "memory_mib", "vcpus", "address")}, vms[0], "list")
    with checks.check("show in the primary shows web, by name and by id"):
        for key in (vm["name"], vm["id"]):
            shown = acme.flatvm("show", key, "--json").json()
            expect_subset(wanted, shown, f"show {key}")
            expect_equal(shown["state"].upper().removeprefix("VM_STATE_"), "RUNNING", "state")
    with checks.check("flatvmctl list on the host agrees"):
        vms = [entry for entry in l0.flatvmctl("list", "--json").json()["vms"] if entry["tenant"] == "acme"]
        expect_equal(len(vms), 1, "acme's secondaries")
        expect_subset({name: wanted[name] for name in ("id", "name", "tenant", "memory_mib", "vcpus", "address")}, vms[0], "list")
    with checks.check("virsh agrees"):
        xml = l0.virsh("dumpxml", DOMAIN).ok().out
        for part in (vm["mac"], f"address='{vm['cid']}'", "/flatvm/acme"):
            expect_in(part, xml, "domain definition")
        memory = l0.virsh("dominfo", DOMAIN).ok().out
        expect_in(str(192 * 1024), memory, "dominfo")
        expect_equal(l0.virsh("domstate", DOMAIN).ok().out.strip(), "running", "domstate")
    with checks.check("the budget counts primary and web"):
        used = acme.flatvm("tenant", "--json").json()["used"]
        expect(int(used["vms"]) == 1 and int(used["memory_mib"]) >= 192, f"used: {used}")


def _in_one_slice(l0, checks):
    with checks.check("primary, secondary and front are in flatvm-acme.slice"):
        tree = l0.run(["systemd-cgls", "--no-pager", "-l", "-u", SLICE]).ok().out
        for part in ("acme\\x2dprimary", "flatvm\\x2dacme.web", "flatvm-front"):
            expect_in(part, tree, "systemd-cgls")
        expect("globex" not in tree, f"globex in acme's slice:\n{tree}")


def _unseen(checks, globex, vm):
    with checks.check("globex lists nothing"):
        expect_equal(globex.flatvm("list", "--json").json(), {"vms": []}, "list")
    with checks.check("globex cannot show web, by name or id, nor tell it from one that never was"):
        texts = set()
        for key in (vm["name"], vm["id"], "never-was"):
            error = globex.flatvm("show", key, "--json").expect_error("NOT_FOUND", "VM_NOT_FOUND")
            texts.add(error["message"].replace(key, "X"))
        expect_equal(len(texts), 1, f"different answers {texts}")
    with checks.check("globex cannot destroy web"):
        globex.flatvm("destroy", vm["id"], "--json").expect_error("NOT_FOUND", "VM_NOT_FOUND")
    with checks.check("globex cannot ping web"):
        done = globex.run(["ping", "-c", "2", "-W", "1", vm["address"]])
        expect(done.code != 0, lambda: f"an answer: {done}")


def _secondary_is_refused(checks, acme, vm):
    with checks.check("the secondary is refused on the broker's port"):
        said = acme.get(f"http://{vm['address']}/cgi-bin/broker", seconds=30).ok().out
        lines = [line for line in said.splitlines() if line.startswith("source=")]
        expect_equal(len(lines), 2, f"attempts in {said!r}")
        for line in lines:
            outcome = re.search(r"outcome=(\S+)", line).group(1)
            # The kernel may accept before flatvmd closes: what counts is that not a byte came.
            expect(outcome in ("closed", "reset", "refused"), f"not refused: {line}")


def _destroy(l0, checks, acme, vm, before):
    with checks.must("acme's primary destroys web"):
        acme.flatvm("destroy", "web", "--json").ok()
    with checks.check("web is gone for its tenant"):
        acme.flatvm("show", vm["id"], "--json").expect_error("NOT_FOUND", "VM_NOT_FOUND")
        expect_equal(acme.flatvm("list", "--json").json(), {"vms": []}, "list")
    for what in before["left"]:
        with checks.check(f"nothing left: {what}"):
            def same(kind=what):
                now = _leftovers(l0)[kind]
                expect_equal(now, before["left"][kind], kind)
                return True
            eventually(15, same, f"{what} as before", pause=0.5)
    with checks.check("the budget is as before"):
        def budget():
            now = acme.flatvm("tenant", "--json").json()
            expect_equal((now["used"], now["left"]), (before["tenant"]["used"], before["tenant"]["left"]), "budget")
            return True
        eventually(15, budget, "budget as before")
