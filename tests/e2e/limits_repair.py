"""Limits survive restarts of everything around them, and are put back when somebody changes them."""
from checks import eventually, expect, expect_equal, expect_in

ACME = "/sys/fs/cgroup/flatvm.slice/flatvm-acme.slice"
FILES = ["memory.max", "memory.high", "memory.swap.max", "cpu.max", "pids.max", "io.max", "cpuset.cpus"]
LIMITS = ["--memory", "3GiB", "--vcpus", "3", "--write-bps", "8MiB", "--cpus", "1-2"]


def run(l0, checks):
    with checks.must("acme has a limit of every kind"):
        l0.flatvmctl("tenant", "set", "acme", *LIMITS).ok()
        wanted = _limits(l0)
        expect_equal(wanted["memory.max"], str(3 << 30), "memory.max")
        expect(0 < int(wanted["memory.high"]) < 3 << 30, f"memory.high: {wanted}")
        expect_equal((wanted["memory.swap.max"], wanted["cpu.max"], wanted["cpuset.cpus"]), ("0", "300000 100000", "1-2"), "limits")
        expect_in("wbps=8388608", wanted["io.max"], "io.max")
    for how, words in (("flatvmd", ["systemctl", "restart", "flatvmd"]),
                       ("libvirtd", ["systemctl", "restart", "libvirtd"]),
                       ("systemd's units, read again", ["systemctl", "daemon-reload"])):
        with checks.check(f"the limits survive a restart of {how}"):
            l0.run(words, timeout=120).ok()
            eventually(60, lambda: l0.flatvmctl("tenant", "show", "acme", "--json").code == 0, "flatvmctl answers")
            expect_equal(_limits(l0), wanted, "limits")
    _tampered(l0, checks, wanted, "memory.max in the kernel's file", f"echo max > {ACME}/memory.max", "memory.max max instead of")
    _tampered(l0, checks, wanted, "CPUQuota with systemctl", "systemctl set-property --runtime flatvm-acme.slice CPUQuota=50%",
              "cpu.max 50% instead of 300%")
    with checks.must("acme has its old limits back"):
        l0.flatvmctl("tenant", "set", "acme", "--memory", "4GiB", "--vcpus", "4", "--write-bps", "none", "--cpus", "all").ok()


def _limits(l0):
    return {name: l0.read(f"{ACME}/{name}").strip() for name in FILES}


def _tampered(l0, checks, wanted, what, command, line):
    with checks.check(f"somebody changes {what}: it is noticed, logged and set again"):
        l0.run(command).ok()
        expect(_limits(l0) != wanted, "nothing was changed")
        eventually(60, lambda: _limits(l0) == wanted, "the limits are as they were", pause=1)
        expect_in(line, l0.run("journalctl -q -o cat -u flatvmd FLATVM_TENANT=acme | grep 'somebody changed'").out, "the journal")
