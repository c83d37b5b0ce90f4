"""A tenant's life on a real host: its primary's definition edited and put back, restarts, and what must survive them."""
import re

from checks import eventually, expect, expect_equal, expect_in

ADD = ["tenant", "add", "initech", "--primary", "initech-primary", "--memory", "2GiB", "--vcpus", "4", "--vms", "4",
       "--disk", "4GiB", "--json"]
CREATE = ["create", "web", "--image", "tiny", "--memory", "192MiB", "--vcpus", "1", "--json"]


def run(l0, checks):
    acme, initech = l0.primary("acme"), l0.primary("initech")
    before = _definition(l0)
    _validate(l0, checks, before)
    _add_and_remove(l0, checks, before)
    _edited_meanwhile(l0, checks, before)
    _running_primary(l0, checks, initech, before)
    _flatvmd_restarts(l0, checks, acme)
    _guest_ends(l0, checks, acme)
    _primary_restarts(l0, checks, acme)


def _definition(l0):
    return l0.virsh("dumpxml", "--inactive", "--security-info", "initech-primary").ok().out


def _validate(l0, checks, before):
    with checks.check("tenant add --validate-only changes nothing"):
        l0.flatvmctl(*ADD, "--validate-only").ok()
        expect_equal(_definition(l0), before, "definition")
        l0.flatvmctl("tenant", "show", "initech", "--json").expect_error("NOT_FOUND", "TENANT_NOT_FOUND")


def _add_and_remove(l0, checks, before):
    with checks.must("tenant add edits the definition of a primary that is shut off, and starts nothing"):
        added = l0.flatvmctl(*ADD).json()
        expect_equal(added["needs_restart"], [], "needs_restart")
        expect("initech-primary" not in l0.domains(), "the primary was started")
        now = _definition(l0)
        for part in (f"address='{added['primary']['cid']}'", added["primary"]["mac"], "/flatvm/initech"):
            expect_in(part, now, "definition")
    with checks.check("the slice holds the tenant's limits in the kernel"):
        group = "/sys/fs/cgroup/flatvm.slice/flatvm-initech.slice"
        expect_equal(l0.read(f"{group}/memory.max").strip(), str(2 << 30), "memory.max")
        expect_equal(l0.read(f"{group}/memory.swap.max").strip(), "0", "memory.swap.max")
        expect_equal(l0.read(f"{group}/cpu.max").split()[0], "400000", "cpu.max")
    with checks.check("tenant remove puts the definition back to the letter"):
        l0.flatvmctl("tenant", "remove", "initech", "--json").ok()
        expect_equal(_definition(l0), before, "definition")
    with checks.check("nothing of the tenant is left"):
        expect("flatvm-initech" not in l0.virsh("net-list", "--all", "--name").out, "its network is there")
        expect("initech" not in l0.run("systemctl list-units --all --plain --no-legend 'flatvm*'").out, "a unit is there")
        expect_equal(l0.run("ls /var/lib/flatvm/tenants").out.split(), ["acme", "globex"], "directories")
        expect_equal(l0.run("nft list table inet flatvm | grep -c 10.213.2.0").out.strip(), "0", "rules")


def _edited_meanwhile(l0, checks, before):
    with checks.check("an operator's own edit in between is kept"):
        l0.flatvmctl(*ADD).ok()
        l0.run("virsh dumpxml --inactive --security-info initech-primary | "
               "sed 's|</name>|</name><title>edited</title>|' > /tmp/e.xml && virsh -q define /tmp/e.xml").ok()
        l0.flatvmctl("tenant", "remove", "initech", "--json").ok()
        now = _definition(l0)
        expect_in("<title>edited</title>", now, "definition")
        for part in ("/flatvm/initech", "flatvm-initech", "<vsock"):
            expect(part not in now, lambda text=part: f"{text} is still in the definition")
        l0.run(["sh", "-c", 'printf "%s" "$0" > /tmp/b.xml && virsh -q define /tmp/b.xml', before]).ok()
        expect_equal(_definition(l0), before, "definition")


def _running_primary(l0, checks, initech, before):
    with checks.must("tenant add says what a running primary lacks"):
        l0.virsh("start", "initech-primary").ok()
        added = l0.flatvmctl(*ADD).json()
        expect_equal(added["needs_restart"], ["vsock", "partition", "nic"], "needs_restart")
        shown = l0.flatvmctl("tenant", "show", "initech", "--json").json()
        expect_equal((shown.get("tenant") or shown)["primary"]["needs_restart"], True, "needs_restart of the primary")
    with checks.must("after a restart of the primary it may ask"):
        l0.virsh("destroy", "initech-primary").ok()
        l0.virsh("start", "initech-primary").ok()
        eventually(180, lambda: initech.flatvm("tenant", "--json").code == 0, "initech's flatvm tenant")
        initech.flatvm(*CREATE, timeout=180).ok()
    with checks.check("tenant remove refuses while a secondary is there"):
        l0.flatvmctl("tenant", "remove", "initech", "--json").expect_error("FAILED_PRECONDITION", "TENANT_HAS_SECONDARIES")
    with checks.check("tenant remove --destroy-secondaries --restart leaves a primary as it was before"):
        done = l0.flatvmctl("tenant", "remove", "initech", "--destroy-secondaries", "--restart", "--json", timeout=240).json()
        expect_equal(done["destroyed_vms"], 1, "destroyed_vms")
        expect_equal(done["needs_restart"], [], "needs_restart")
        expect_equal(_definition(l0), before, "definition")
        live = l0.virsh("dumpxml", "initech-primary").ok().out
        expect("flatvm-initech" not in live and "/flatvm/initech" not in live, "the running primary still has the tenant's")
        expect("flatvm-initech.slice" not in l0.run("systemctl list-units --plain --no-legend '*.slice'").out, "slice")
    l0.virsh("destroy", "initech-primary")


def _front_pid(l0):
    return l0.run(["systemctl", "show", "-P", "MainPID", "flatvm-front-acme.service"]).out.strip()


def _flatvmd_restarts(l0, checks, acme):
    with checks.must("acme has a secondary"):
        vm = acme.flatvm(*CREATE, timeout=180).json()
    front = _front_pid(l0)
    for how, words in (("systemctl restart flatvmd", ["systemctl", "restart", "flatvmd"]),
                       ("kill -9 of flatvmd", ["systemctl", "kill", "-s", "KILL", "flatvmd"]),
                       ("systemctl restart libvirtd", ["systemctl", "restart", "libvirtd"])):
        with checks.check(f"{how}: secondary, front and records go on"):
            l0.run(words, timeout=120).ok()
            eventually(60, lambda: acme.flatvm("list", "--json").code == 0, "list")
            shown = acme.flatvm("show", "web", "--json").json()
            expect_equal((shown["id"], shown["state"], shown["address"]), (vm["id"], "running", vm["address"]), "web")
            expect_equal(_front_pid(l0), front, "the front's process")
            expect_in("flatvm-acme.web", l0.domains(), "domains")
    with checks.check("a front that dies is started again"):
        l0.run(["systemctl", "kill", "-s", "KILL", "flatvm-front-acme.service"]).ok()
        eventually(60, lambda: acme.flatvm("list", "--json").code == 0, "list")
        expect(_front_pid(l0) not in ("", "0", front), "the same front")
    with checks.must("destroyed"):
        acme.flatvm("destroy", "web", "--json").ok()


def _guest_ends(l0, checks, acme):
    with checks.check("a secondary whose domain ends is shown as stopped, keeps its budget, and can be destroyed"):
        acme.flatvm(*CREATE, timeout=180).ok()
        l0.virsh("destroy", "flatvm-acme.web").ok()
        eventually(30, lambda: acme.flatvm("show", "web", "--json").json()["state"] == "stopped", "stopped")
        expect_equal(acme.flatvm("tenant", "--json").json()["used"]["vms"], 1, "used")
        acme.flatvm("destroy", "web", "--json").ok()
        expect_equal(acme.flatvm("tenant", "--json").json()["used"]["vms"], 0, "used")


def _primary_restarts(l0, checks, acme):
    with checks.check("a primary that was restarted asks as itself again, and nobody before it"):
        l0.virsh("destroy", "acme-primary").ok()
        l0.virsh("start", "acme-primary").ok()
        eventually(180, lambda: acme.flatvm("tenant", "--json").code == 0, "flatvm tenant")
        record = l0.read("/var/lib/flatvm/tenants/acme/tenant.json")
        expect(re.search(r'"boot_id": "[^"]+"', record), "no boot id on record")
