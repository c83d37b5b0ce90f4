"""Random creates and destroys from many clients while the limits change: every sum is right at every moment."""
import collections
import json
import random
import subprocess
import time
from pathlib import Path

from checks import eventually, expect, expect_equal
from limits_carving import PRIMARY_MIB, actual_mib, quotas
from machines import TESTBED

CLIENTS = 8
STEPS = 25  # of each client
VCPUS = 6
# An empty disk: firmware finds nothing to boot and rests. Ten guests that boot would leave the emulated CPUs no time.
IDLE = """
cd /var/lib/flatvm/catalog && mkdir idle && truncate -s 1M idle/disk.raw && chmod 0644 idle/disk.raw
echo '{"disk": {"file": "disk.raw", "format": "raw"}}' > idle/image.json
"""
# What a step may come to: done; the primary is too slow to give its memory back, no room, the limits are changing.
ALLOWED = {"create-0", "create-5", "create-6", "create-10", "destroy-0"}
# A step of the churn's clients is a call, not a start of flatvm: the emulated primary has better things to do.
PROGRAM = Path(__file__).resolve().parents[2] / "build/dev/tests/e2e/churn_clients"
SAMPLERS = ("limits_records", "limits_domains")


def run(l0, checks):
    initech = l0.primary("initech")
    with checks.must("initech may have more CPUs than its primary, which has more time to give memory back; the samplers run"):
        # Emulated, a guest with much to do gives back some 10 MiB a second, and eight creates at once take their time.
        l0.run("sed -i -e 's/\"carve\": \"15s\"/\"carve\": \"40s\"/' -e 's/\"create\": \"1min\"/\"create\": \"5min\"/' "
               "/etc/flatvm/flatvmd.json && grep -q 5min /etc/flatvm/flatvmd.json && systemctl restart flatvmd").ok()
        l0.run(IDLE).ok()
        eventually(60, lambda: l0.flatvmctl("tenant", "show", "initech", "--json").code == 0, "flatvmctl answers")
        l0.flatvmctl("tenant", "set", "initech", "--vcpus", VCPUS).ok()
        expect(PROGRAM.exists(), f"{PROGRAM} is missing: ./check e2e builds it")
        initech.run("cat > /tmp/churn_clients && chmod +x /tmp/churn_clients", stdin=PROGRAM.read_bytes()).ok()
        for name in SAMPLERS:
            here = Path(__file__).resolve().parent / f"{name}.py"
            subprocess.run([str(TESTBED), "copy", str(here), "/root/"], check=True, stdout=subprocess.DEVNULL)
            l0.run(["systemd-run", "--quiet", "--unit", name, "python3", f"/root/{name}.py", "initech", f"/root/{name}.json"]).ok()
    with checks.check(f"{CLIENTS * STEPS} random creates and destroys of {CLIENTS} clients, with live changes of the limits between them"):
        initech.run(["sh", "-c", f"/tmp/churn_clients {CLIENTS} {STEPS} idle > /tmp/codes 2> /tmp/errors & echo $! > /tmp/churn"]).ok()
        changes = _change_limits(l0, initech)
        codes = collections.Counter(initech.run("cat /tmp/codes").ok().out.split())
        print(f"     exit codes: {dict(sorted(codes.items()))}; of changes of the limits: {dict(changes)}", flush=True)
        expect_equal(sum(codes.values()), CLIENTS * STEPS, "steps")
        expect(set(codes) <= ALLOWED, lambda: initech.run("head -c 2000 /tmp/errors").out)
        expect(codes["create-0"] >= CLIENTS * STEPS // 10, f"too few creates came through: {codes}")
        expect(changes[0] >= 5 and set(changes) <= {0, 5, 10}, f"changes of the limits: {changes}")
    l0.run(["systemctl", "stop", *SAMPLERS]).ok()
    records, domains = (json.loads(l0.read(f"/root/{name}.json")) for name in SAMPLERS)
    with checks.check("no declared sum was ever over its limit, no limit of the kernel's ever another than the record's"):
        print(f"     {records['samples']} samples, one in {records['period_ms']} ms, and {records['changing']} while a record changed; "
              f"most VMs at once: {records['most_vms']}; least left of the memory: {records['least_left_mib']} MiB; longest over a "
              f"limit: {records['longest_over_ms']} ms; longest that kernel and record differed: {records['longest_difference_ms']} ms",
              flush=True)
        expect_equal(records["violations"], [], "violations")
        expect(records["samples"] > 1000 and records["most_vms"] > 1, f"samples: {records}")
    with checks.check("what libvirt's domains really had was never more either"):
        print(f"     {domains['samples']} samples, {domains['settled']} with everything standing still; most VMs at once: "
              f"{domains['most_vms']}; least left of the memory: {domains['least_left_mib']} MiB", flush=True)
        expect_equal(domains["violations"], [], "violations")
        expect(domains["settled"] > 20 and domains["most_vms"] > 1, f"samples: {domains}")
    with checks.check("all of its memory is back with the primary, to the MiB"):
        l0.flatvmctl("tenant", "set", "initech", "--memory", f"{PRIMARY_MIB + 128}MiB", "--vcpus", "2").ok()
        eventually(60, lambda: actual_mib(l0) == PRIMARY_MIB, "the primary's memory")
        expect_equal(quotas(l0), [200], "CPU quotas")
        expect_equal(initech.flatvm("tenant", "--json").json()["used"]["vms"], 0, "secondaries")


def _change_limits(l0, initech):
    """Until the clients are done: the tenant's memory goes up and down. Exit codes of the changes."""
    changes, dice = collections.Counter(), random.Random(1)
    deadline = time.monotonic() + 1500
    while initech.run("kill -0 $(cat /tmp/churn)").code == 0:
        expect(time.monotonic() < deadline, "the clients do not come to an end")
        memory = PRIMARY_MIB + 128 - dice.choice([0, 0, 32, 64, 96, 128])
        changes[l0.flatvmctl("tenant", "set", "initech", "--memory", f"{memory}MiB", "--json").code] += 1
        time.sleep(2)
    return changes
