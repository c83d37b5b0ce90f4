"""Secondaries carved out of their primary: its memory and CPU time go to them and come back, or nothing happens at all."""
from checks import eventually, expect, expect_equal, expect_in

PRIMARY_MIB = 1024
MIN_MIB = 384
OVERHEAD_MIB = 64
ADD = ["tenant", "add", "initech", "--primary", "initech-primary", "--memory", f"{PRIMARY_MIB + 2 * OVERHEAD_MIB}MiB",
       "--vcpus", "2", "--vms", "8", "--disk", "4GiB", "--carve", "balloon", "--primary-min-memory", f"{MIN_MIB}MiB", "--restart",
       "--json"]
GROUP = "/sys/fs/cgroup/flatvm.slice/flatvm-initech.slice"


def create(name, memory_mib):
    return ["create", name, "--image", "tiny", "--memory", f"{memory_mib}MiB", "--vcpus", "1", "--json"]


def add_tenant(l0, checks, initech):
    with checks.must(f"initech's primary has {PRIMARY_MIB} MiB and 2 CPUs, which is all that its tenant has"):
        for words in (["setmaxmem", "initech-primary", f"{PRIMARY_MIB}MiB", "--config"],
                      ["setmem", "initech-primary", f"{PRIMARY_MIB}MiB", "--config"],
                      ["setvcpus", "initech-primary", "2", "--config", "--maximum"],
                      ["setvcpus", "initech-primary", "2", "--config"]):
            l0.virsh(*words).ok()
        # It uses one of its two: emulated SVM is too slow for a guest's CPUs that wait for one another.
        l0.run("virsh dumpxml --inactive --security-info initech-primary | "
               "sed 's|</cmdline>| maxcpus=1</cmdline>|' > /tmp/i.xml && virsh -q define /tmp/i.xml").ok()
        l0.flatvmctl(*ADD, timeout=240).ok()
        answers(initech)


def run(l0, checks):
    initech = l0.primary("initech")
    add_tenant(l0, checks, initech)
    _take_and_give(l0, checks, initech)
    _too_much(l0, checks, initech)
    _kept(l0, checks, initech, "a primary without a balloon driver", "no balloon driver", _reboot_without_driver)
    with checks.must("initech's primary has its driver again"):
        initech.run("rm /etc/modprobe.d/no-balloon.conf && modprobe virtio_balloon").ok()
    _kept(l0, checks, initech, "a primary that ignores its balloon", "it still had", _take_driver_away)
    with checks.must("initech's primary obeys again"):
        initech.run("modprobe virtio_balloon").ok()


def answers(primary):
    eventually(240, lambda: primary.flatvm("tenant", "--json").code == 0, f"{primary.name}'s flatvm tenant")


def actual_mib(l0):
    """What the primary's balloon leaves it, by libvirt."""
    out = l0.virsh("dommemstat", "initech-primary").ok().out.split()
    return int(out[out.index("actual") + 1]) / 1024


def quotas(l0):
    """cpu.max of every domain of the tenant, in percent, where there is one."""
    out = l0.run(f"cat {GROUP}/machine-qemu*.scope/libvirt/cpu.max").ok().out
    return sorted(int(line.split()[0]) * 100 // int(line.split()[1]) for line in out.splitlines() if not line.startswith("max"))


def _held_mib(l0):
    out = l0.run(f"cat {GROUP}/machine-qemu*initech*primary.scope/memory.stat").ok().out.split()
    return sum(int(out[out.index(word) + 1]) for word in ("anon", "shmem")) >> 20


def _take_and_give(l0, checks, initech):
    vm_mib = 256
    with checks.check("a create takes memory and CPU time from the primary, and its cgroup gets smaller"):
        # All of its memory touched: what is taken has been in use.
        initech.run(f"mount -t tmpfs -o size={PRIMARY_MIB}M none /mnt && head -c {PRIMARY_MIB - 300}M /dev/zero > /mnt/x; umount /mnt",
                    timeout=120)
        held = _held_mib(l0)
        vm = initech.flatvm(*create("web", vm_mib), timeout=180).json()
        carve = [stage["duration_us"] for stage in vm["stages"] if stage["stage"] == "carve"]
        expect(carve, lambda: f"no stage carve: {vm['stages']}")
        wanted = PRIMARY_MIB - vm_mib - OVERHEAD_MIB
        expect_equal(actual_mib(l0), wanted, "the primary's balloon, MiB")
        now = _held_mib(l0)
        print(f"     guest memory of the primary in its cgroup: {held} MiB before, {now} MiB after, {wanted} granted; "
              f"the carving took {int(carve[0]) / 1000:.0f} ms", flush=True)
        expect(now <= wanted + OVERHEAD_MIB, f"{now} MiB held, {wanted} granted")
        expect_equal(quotas(l0), [100, 100], "CPU quotas")
        shown = initech.flatvm("tenant", "--json").json()["primary"]
        expect_equal((shown["granted_memory_mib"], shown["granted_cpu_percent"]), (wanted, 100), "what the primary sees")
    with checks.check("a secondary uses less than guest memory and the overhead that is counted for its VMM"):
        eventually(150, lambda: initech.get(f"http://{vm['address']}/").code == 0, "web serves")
        out = l0.run(f"cat {GROUP}/machine-qemu*initech.web.scope/memory.stat").ok().out.split()
        used = sum(int(out[out.index(word) + 1]) for word in ("anon", "shmem", "kernel")) >> 20
        print(f"     {used} MiB for a guest of {vm_mib} MiB that has booted", flush=True)
        expect(used <= vm_mib + OVERHEAD_MIB, f"{used} MiB")
    with checks.check("a destroy gives both back to the MiB"):
        initech.flatvm("destroy", "web").ok()
        eventually(60, lambda: actual_mib(l0) == PRIMARY_MIB, "the primary has its memory")
        expect_equal(quotas(l0), [200], "CPU quotas")


def _too_much(l0, checks, initech):
    with checks.check("the primary keeps its minimum: more is refused, with the numbers"):
        error = initech.flatvm(*create("web", PRIMARY_MIB - MIN_MIB)).expect_error("RESOURCE_EXHAUSTED", "TENANT_MEMORY_LIMIT")
        expect_equal((error["asked"], error["left"]), (PRIMARY_MIB - MIN_MIB + OVERHEAD_MIB, PRIMARY_MIB - MIN_MIB), "numbers")
        expect_equal(actual_mib(l0), PRIMARY_MIB, "the primary's balloon")


def _reboot_without_driver(l0, initech):
    initech.run("echo 'install virtio_balloon /bin/false' > /etc/modprobe.d/no-balloon.conf; sync").ok()
    l0.virsh("destroy", "initech-primary").ok()
    l0.virsh("start", "initech-primary").ok()
    answers(initech)


def _take_driver_away(_, initech):
    # Its statistics were seen in this run, so it is not a primary without a driver, only one that does not do it.
    initech.flatvm(*create("web", 128), timeout=180).ok()
    initech.flatvm("destroy", "web").ok()
    initech.run("modprobe -r virtio_balloon").ok()


def _kept(l0, checks, initech, who, text, prepare):
    with checks.check(f"{who}: the create fails in time, says why, and leaves everything as it was"):
        prepare(l0, initech)
        tenant = initech.flatvm("tenant", "--json").json()
        start = float(l0.read("/proc/uptime").split()[0])
        error = initech.flatvm(*create("web", 128), timeout=180).expect_error("FAILED_PRECONDITION", "PRIMARY_KEEPS_MEMORY")
        took = float(l0.read("/proc/uptime").split()[0]) - start
        print(f"     after {took:.1f} s: {error['message']}", flush=True)
        expect_in(text, error["message"], "message")
        expect(took < 30, f"it took {took:.1f} s")
        expect_equal(initech.flatvm("tenant", "--json").json()["used"], tenant["used"], "used")
        expect_equal(initech.flatvm("list", "--json").json(), {"vms": []}, "list")
        expect_equal(l0.run("ls /var/lib/flatvm/tenants/initech/vms").out, "", "records")
        expect_equal(actual_mib(l0), PRIMARY_MIB, "the primary's balloon")
