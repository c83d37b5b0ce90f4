"""flatvmd, a quota worker or a front is killed, or the power fails, at a step of an image's way: the state is the old or the new one.

All steps take more than an hour. So it takes some of each kind; FLATVM_E2E_STEPS=all, as `./check e2e storage_kills` has it, takes all, and
FLATVM_E2E_STEPS=STEP,... kills at these alone, FLATVM_E2E_CUTS=STEP,... cuts the power at these alone.
"""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

from checks import eventually, expect_equal, expect_in
from machines import TESTBED
from storage_cycle import Cycle, way_of


def run(l0, checks, filesystem, kills, cuts, power_cut=None, absent=()):
    """kills and cuts: the steps that it takes of its own accord. power_cut: at which all of L0 is without power. absent: what the filesystem spares."""
    with checks.must(f"/var/lib/flatvm is on {filesystem}, on a disk whose power can be cut"):
        l0.run(f"/usr/local/lib/flatvm-testbed/state-on {filesystem} cuttable", timeout=180).ok()
    cycle = Cycle(l0)
    with checks.must("initech has a quota disk, with an image and other files"):
        cycle.prepare()
        programs = dict(line.split() for line in l0.run(["/usr/sbin/flatvmd", "--steps"]).ok().out.splitlines())
    wanted = [os.environ.get(name, "") for name in ("FLATVM_E2E_STEPS", "FLATVM_E2E_CUTS")]
    if wanted[0] == "all":
        kills = cuts = [step for step in programs if step not in absent]
    elif any(wanted):
        kills, cuts, power_cut = *([step for step in steps.split(",") if step] for steps in wanted), None
    _each(cycle, checks, "killed", _killed, kills, programs)
    _each(cycle, checks, "without power", _without_power, cuts, programs)
    if power_cut:
        _l0_without_power(cycle, checks, power_cut, programs)


def _each(cycle, checks, what, act, steps, programs):
    """Those first that begin with what the image is already."""
    left, place = list(steps), "file"
    while left:
        step = next((step for step in left if way_of(step).start == place), left[0])
        left.remove(step)
        failed = len(checks.failed)
        with checks.check(f"{programs[step]} at {step}, {what}: the state is the old or the new one, whole"):
            place = act(cycle, step, programs[step])
        if len(checks.failed) > failed:
            with checks.must("it serves again"):
                cycle.calm()
                cycle.start_primary()
                place = cycle.place()


def _stopped(cycle, step, program, act):
    """Calls act when the program stands at the step. Returns the command, a future that is done; its primary may be gone."""
    way = way_of(step)
    cycle.bring_to(way.start)
    cycle.arm(step, program)
    with ThreadPoolExecutor(1) as pool:
        command = pool.submit(cycle.take, way)
        try:
            cycle.wait_until_stopped(program, command)
        finally:
            act()
    return command


def _killed(cycle, step, program):
    way = way_of(step)
    done = _stopped(cycle, step, program, lambda: cycle.kill(program)).result()
    ends = {way.end}
    if program == "flatvm-quota":
        # Nothing was decided: it was all for nothing, and the caller is told.
        done.expect_error("UNAVAILABLE", "SERVICE_MANAGER_UNAVAILABLE")
        cycle.restart()
        ends = {way.start}
    elif program == "flatvm-front" and done.code != 0:
        # On a busy machine the next front may come later than the 15 s for which libflatvm sends it again.
        done.expect_error("UNAVAILABLE", "BROKER_UNREACHABLE")
        cycle.start_primary()
        ends = {way.start, way.end}
    else:
        done.ok()  # libflatvm sends it again
    place = cycle.place()
    expect_in(place, ends, "what the image is")
    cycle.expect_whole(place)
    return place


def _without_power(cycle, step, program):
    way = way_of(step)
    _stopped(cycle, step, program, cycle.cut_power)
    place = cycle.place()
    # A create that did not get to its end leaves a volume, a destroy that did not a secondary that has stopped.
    expect_in(place, {way.start, way.end} | ({"volume"} if "vm" in (way.start, way.end) else set()), "what the image is")
    cycle.expect_whole(place)
    return place


# What was decided before is finished as flatvmd starts with the host.
def _l0_without_power(cycle, checks, step, programs):
    l0 = cycle.l0
    with checks.check(f"L0 without power at {step}: after its boot the image is a volume, whole"):
        # As an operator has it, whose disk is one of its own.
        l0.run("echo /dev/disk/by-id/virtio-state /var/lib/flatvm ext4 noatime 0 0 >> /etc/fstab && sync", timeout=60).ok()
        _stopped(cycle, step, programs[step], _cut_l0)
        device = l0.run(["readlink", "-f", "/dev/disk/by-id/virtio-state"]).ok().out
        expect_equal(l0.run(["findmnt", "-no", "SOURCE", "/var/lib/flatvm"]).ok().out, device, "what /var/lib/flatvm is on")
        eventually(120, lambda: l0.flatvmctl("tenant", "list").code == 0, "flatvmd answers")
        cycle.start_primary()
        expect_equal(cycle.place(), "volume", "what the image is")
        cycle.expect_whole("volume")


def _cut_l0():
    done = subprocess.run([str(TESTBED), "power-cut"], stdin=subprocess.DEVNULL, check=False)
    expect_equal(done.returncode, 0, "exit code of testbed power-cut")
