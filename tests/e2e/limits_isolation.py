"""acme misbehaves in every way a tenant can; globex, on the other CPU, keeps its throughput."""
import statistics
import time

from checks import eventually, expect, expect_equal, expect_in

ACME = "/sys/fs/cgroup/flatvm.slice/flatvm-acme.slice"
ACMES_CPU, GLOBEXS_CPU = 1, 2  # guests never run on the testbed's CPU 0
CREATE = ["create", "web", "--image", "tiny", "--memory", "192MiB", "--vcpus", "1", "--json"]
# A process that takes memory without end, in the place of a QEMU that leaks: it joins the cgroup that is named.
HOG = 'echo 0 > "$0/cgroup.procs" && exec python3 -c "a = []\nwhile True: a.append(bytearray(b\'x\') * (8 << 20))"'
FORKS = """
import os, time
made = 0
while True:
    try:
        if os.fork() == 0:
            time.sleep(8)
            os._exit(0)
    except OSError:
        break
    made += 1
print(made, flush=True)
time.sleep(3)
"""


def run(l0, checks):
    acme, globex = l0.primary("acme"), l0.primary("globex")
    with checks.must("acme and globex have a CPU each, and a secondary each that serves"):
        for cpu, primary in ((ACMES_CPU, acme), (GLOBEXS_CPU, globex)):
            l0.flatvmctl("tenant", "set", primary.name, "--cpus", cpu, "--memory", "1GiB").ok()
        web = {primary: primary.flatvm(*CREATE, timeout=180).json() for primary in (acme, globex)}
        for primary in (acme, globex):
            eventually(150, lambda on=primary: on.get(f"http://{web[on]['address']}/").code == 0, f"{primary.name}'s web serves")
    with checks.must("globex's throughput is known"):
        # With the other CPU as busy as acme will make it, but by L0 itself: L0's CPUs are threads on one machine, and what they
        # take from one another there is not the tenants' doing.
        l0.run(["systemd-run", "--quiet", "--unit", "busy", "taskset", "-c", ACMES_CPU, "sh", "-c", "while :; do :; done"]).ok()
        before = _throughput(globex, 5)
        l0.run(["systemctl", "stop", "busy"]).ok()
        print(f"     globex's primary beside a busy CPU of the host's: {before:.0f} rounds a second", flush=True)
    _memory(l0, checks, acme, globex, web, before)
    with checks.must("acme's secondary is made again"):
        acme.flatvm("destroy", "web").ok()
        web[acme] = acme.flatvm(*CREATE, timeout=180).json()
        eventually(150, lambda: acme.get(f"http://{web[acme]['address']}/").code == 0, "acme's web serves")
    _cpu(l0, checks, acme, globex, web, before)
    _forks(l0, checks, globex, web)
    _writes(l0, checks, acme, globex, web, before)
    with checks.must("both secondaries are destroyed, and acme and globex have their limits back"):
        for primary in (acme, globex):
            primary.flatvm("destroy", "web").ok()
            l0.flatvmctl("tenant", "set", primary.name, "--cpus", "all", "--memory", "4GiB", "--vcpus", "4").ok()


def _throughput(primary, rounds=3):
    """How often a second a loop goes round in a primary: the median of some."""
    def once():
        out = primary.run("a=$(date +%s%N); n=0; while [ $n -lt 60000 ]; do n=$((n+1)); done; echo $(($(date +%s%N) - a))", 120)
        return 60000 / (int(out.ok().out) / 1e9)
    return statistics.median(once() for _ in range(rounds))


def _keeps_throughput(globex, before):
    now = _throughput(globex)
    print(f"     globex's primary meanwhile: {now:.0f} rounds a second, {now / before:.2f} of before", flush=True)
    expect(now >= 0.9 * before, f"{now:.0f} rounds a second, {before:.0f} before")


def _serves(globex, web):
    globex.get(f"http://{web[globex]['address']}/", 30).ok()


def _scope(l0, pattern):
    found = l0.run(f"ls -d {ACME}/machine-qemu*{pattern}.scope").ok().out.split()
    expect_equal(len(found), 1, f"scopes of {pattern}")
    return found[0]


def _kills(l0):
    return int(l0.run(f"sed -n 's/^oom_kill //p' {ACME}/memory.events").ok().out)


def _hog(l0):
    return l0.run(f"systemctl status hog; cd {ACME}; grep . memory.current memory.max memory.high memory.events memory.pressure").out


def _memory(l0, checks, acme, globex, web, before):
    with checks.check("a secondary that allocates without end is killed inside of its tenant, whole and alone"):
        scope, kills = _scope(l0, "web"), _kills(l0)
        l0.run(["systemd-run", "--quiet", "--no-block", "--unit", "hog", "sh", "-c", HOG, f"{scope}/libvirt"]).ok()
        _keeps_throughput(globex, before)
        eventually(120, lambda: _kills(l0) > kills, lambda: f"the OOM killer came; {_hog(l0)}")
        eventually(30, lambda: acme.flatvm("show", "web", "--json").json()["state"] == "stopped", "acme's web has stopped")
        shown = acme.flatvm("tenant", "--json").json()["usage"]
        print(f"     processes killed in acme: {_kills(l0) - kills}; its memory now: {int(shown['memory_bytes']) >> 20} MiB",
              flush=True)
        expect(int(shown["oom_kills"]) > kills, f"usage: {shown}")
        expect({"acme-primary", "globex-primary", "flatvm-globex.web"} <= l0.domains(), lambda: f"domains: {l0.domains()}")
        _serves(globex, web)


def _cpu_seconds(l0):
    return int(l0.run(f"sed -n 's/^usage_usec //p' {ACME}/cpu.stat").ok().out) / 1e6


def _cpu(l0, checks, acme, globex, web, before):
    with checks.check("CPU burners in primary and secondary leave globex what it had"):
        _burn(acme, web, 40)
        _keeps_throughput(globex, before)
        _serves(globex, web)
    with checks.check("they get what cpu.max says, within 5 %"):
        l0.flatvmctl("tenant", "set", "acme", "--cpus", "all", "--vcpus", "1", "--force").ok()
        expect_equal(l0.read(f"{ACME}/cpu.max").split(), ["100000", "100000"], "cpu.max")
        _burn(acme, web, 30)
        time.sleep(3)
        used = -_cpu_seconds(l0)
        start = float(l0.read("/proc/uptime").split()[0])
        time.sleep(12)
        used += _cpu_seconds(l0)
        share = used / (float(l0.read("/proc/uptime").split()[0]) - start)
        print(f"     share of one CPU: {share:.3f}, cpu.max says 1.000", flush=True)
        expect(0.95 <= share <= 1.05, f"share {share:.3f}")
    with checks.must("acme has its CPU again"):
        l0.flatvmctl("tenant", "set", "acme", "--cpus", ACMES_CPU, "--vcpus", "4").ok()


def _burn(acme, web, seconds):
    acme.get(f"http://{web[acme]['address']}/cgi-bin/burn?{seconds}", 60).ok()
    acme.run(f"setsid timeout {seconds} sh -c 'while :; do :; done' > /dev/null 2>&1 < /dev/null &").ok()


def _forks(l0, checks, globex, web):
    with checks.check("a fork bomb in the front's place ends at pids.max"):
        limit = int(l0.read(f"{ACME}/pids.max"))
        front = l0.run("systemctl show -P ControlGroup flatvm-front-acme.service").ok().out.strip()
        done = l0.run(["sh", "-c", 'echo 0 > "$0/cgroup.procs" && exec python3 -c "$1"', f"/sys/fs/cgroup{front}", FORKS], timeout=180)
        made = int(done.ok().out)
        own = int(l0.read(f"/sys/fs/cgroup{front}/pids.max").replace("max", "0") or 0)
        print(f"     processes it made: {made}; pids.max of the slice {limit}, of the front {own or 'max'}", flush=True)
        expect(made < limit, f"{made} processes, pids.max {limit}")
        _serves(globex, web)
        eventually(60, lambda: int(l0.read(f"{ACME}/pids.current")) < 200, "its processes are gone")
        expect_in("flatvm-acme.web", l0.domains(), "domains")


def _written(l0):
    text = l0.read(f"{ACME}/io.stat")
    return sum(int(word.split("=")[1]) for word in text.split() if word.startswith("wbytes="))


def _writes(l0, checks, acme, globex, web, before):
    with checks.check("a writer gets no more than io.max says"):
        l0.flatvmctl("tenant", "set", "acme", "--write-bps", "2MiB").ok()
        expect_in("wbps=2097152", l0.read(f"{ACME}/io.max"), "io.max")
        acme.get(f"http://{web[acme]['address']}/cgi-bin/write?45", 60).ok()
        time.sleep(8)
        written = -_written(l0)
        start = float(l0.read("/proc/uptime").split()[0])
        time.sleep(15)
        written += _written(l0)
        rate = written / (float(l0.read("/proc/uptime").split()[0]) - start) / (2 << 20)
        print(f"     written: {rate:.3f} of io.max", flush=True)
        expect(0.3 <= rate <= 1.05, f"{rate:.3f} of io.max")
        _keeps_throughput(globex, before)
        _serves(globex, web)
        l0.flatvmctl("tenant", "set", "acme", "--write-bps", "none").ok()
        expect("wbps=2097152" not in l0.read(f"{ACME}/io.max"), "io.max still has the limit")
