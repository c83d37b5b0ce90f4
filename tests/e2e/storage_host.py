"""The host's disk: on which filesystem tenants' disks are, and what the operator is told of that."""
import json

from checks import eventually, expect, expect_equal, expect_in

STATE = "/var/lib/flatvm"
STAT_NAMES = {"ext4": "ext2/ext3"}  # as stat(1) calls them; their own name where it is none of these
SAYS = {"ext4": ("warn", "ext4, no reflink: what remains on a quota disk is copied when an image leaves it"),
        "xfs": ("ok", "xfs, reflink: images move without a copy"), "btrfs": ("ok", "btrfs, reflink: images move without a copy")}
UNITS = "flatvmd.socket flatvmd-admin.socket flatvmd.service"


def _filesystem(l0):
    return l0.run(["stat", "-f", "-c", "%T", STATE]).ok().out.strip()


def put_state_on(l0, checks, filesystem):
    name = STAT_NAMES.get(filesystem, filesystem)
    with checks.must(f"{STATE} is on {filesystem}, and flatvmd serves from there"):
        if _filesystem(l0) != name:
            l0.run(["/usr/local/lib/flatvm-testbed/state-on", filesystem], timeout=180).ok()
        expect_equal(_filesystem(l0), name, "filesystem")
        l0.flatvmctl("tenant", "list").ok()
        eventually(60, lambda: l0.primary("acme").flatvm("tenant", "--json").code == 0, "acme's flatvm tenant")


def _items(done):
    return {item["name"]: item for item in json.loads(done.out)["items"]}


def check(l0, checks, filesystem):
    files = f"find {STATE} | sort"
    before = l0.run(files).ok().out
    with checks.check("flatvmctl check finds nothing that is missing, and says what the filesystem costs"):
        done = l0.flatvmctl("check", "--json").ok()
        items = _items(done)
        failed = [item for item in items.values() if item["state"] == "fail"]
        expect_equal([failed, done.json()["failed"]], [[], 0], "items that fail")
        expect_equal(items["filesystem"]["state"], SAYS[filesystem][0], "state of the filesystem")
        expect_in(SAYS[filesystem][1], items["filesystem"]["text"], "what it says")
        expect_equal([items["kvm"]["state"], items["flatvmd"]["state"]], ["ok", "ok"], "kvm and flatvmd")
        # acme and globex may have 20 GiB each, of a disk of 8.
        expect_equal(items["disk"]["state"], "warn", "state of the disk")
        expect_in("tenants may have 40GiB", items["disk"]["text"], "what is promised")
    with checks.check("without flatvmd it works, too; what fails is named, and the exit code is another"):
        try:
            l0.run(f"systemctl stop {UNITS} && echo 1 > /sys/kernel/mm/ksm/run").ok()
            done = l0.flatvmctl("check", "--json")
        finally:
            l0.run(f"echo 2 > /sys/kernel/mm/ksm/run; systemctl start {UNITS}").ok()
        error = done.expect_error("FAILED_PRECONDITION", "HOST_UNFIT")
        expect(error["message"].endswith(": ksm"), error["message"])
        expect_equal([_items(done)[name]["state"] for name in ("ksm", "flatvmd", "disk")], ["fail", "warn", "warn"], "states")
        eventually(60, lambda: l0.flatvmctl("tenant", "list").code == 0, "flatvmd answers")
    with checks.check("it left nothing behind"):
        expect_equal(l0.run(files).ok().out, before, "files")
