"""Bringing one L0 up from a snapshot, putting it back to it, taking it down."""
import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

import machine
import snapshots
import store
from lanes import Lanes
from places import cache_root
from report import TestbedError, step, tried


ABANDONED_SECONDS = 3 * 24 * 3600


@contextlib.contextmanager
def exclusively(instance):
    instance.make()
    lock = os.open(cache_root() / "locks" / f"instance-{instance.id}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def up(instance, built, fresh=False):
    """Leaves a running L0 made from these packages. Returns what was done, in a word."""
    recipe = snapshots.Recipe(built)
    with exclusively(instance):
        facts = machine.facts(instance)
        if not fresh and machine.running_pid(instance) and facts.get("snapshot") == recipe.ready_key:
            return "was up"
        machine.stop(instance)
        snapshots.ready(recipe, fresh)
        _start(instance, {
            "snapshot": recipe.ready_key, "accel": recipe.accel, "boot": str(recipe.boot), "programs": str(recipe.programs),
            "primary_disk": str(recipe.primary_disk), "packages": bool(built), "needs": recipe.needs()})
    _sweep()
    return "up"


def reset(instance):
    """Back to the snapshot that the instance was started from, whatever is in build/packages by now."""
    facts = machine.facts(instance)
    if not facts:
        raise TestbedError("there is nothing to reset: run `testbed up` first")
    with exclusively(instance):
        machine.stop(instance)
        _start(instance, facts)


def _start(instance, facts):
    snapshot = _snapshot_of(facts)
    tried(lambda: _start_once(instance, facts, snapshot), lambda: machine.stop(instance))


def _start_once(instance, facts, snapshot):
    with step("L0 restored"):
        instance.make()
        instance.serial_log.unlink(missing_ok=True)
        machine.overlay(snapshot / "disk.qcow2", "qcow2", instance.disk)
        with _held(facts) as holds:
            vm = machine.Machine(instance, facts["accel"], Path(facts["boot"]), snapshot / "ram", False, instance.disk,
                                 Path(facts["primary_disk"]), incoming=True, holds=holds)
        machine.describe(instance, facts)
        vm.restore(snapshot / "state")
        lanes = Lanes(instance, Path(facts["programs"]), vm.alive)
        lanes.wait_until_answering(30)
        lanes.demand(["/usr/local/lib/flatvm-testbed/go-on", f"{time.time():.3f}"], "letting guests go on")


def power_cut(instance):
    """Ends L0 with all that it has only in memory, and boots it again with what its disks have."""
    facts = machine.facts(instance)
    if not facts or machine.running_pid(instance) is None:
        raise TestbedError("L0 is not up: run `testbed up` first")
    _snapshot_of(facts)
    memory = instance.state / "ram"
    with exclusively(instance), step("L0 booted again"):
        machine.stop(instance)
        memory.unlink(missing_ok=True)
        with _held(facts) as holds:
            vm = machine.Machine(instance, facts["accel"], Path(facts["boot"]), memory, False, instance.disk,
                                 Path(facts["primary_disk"]), holds=holds, blank=False)
        vm.monitor().close()  # it has mapped its memory
        memory.unlink()
        Lanes(instance, Path(facts["programs"]), vm.alive).wait_until_answering(snapshots.BOOT_SECONDS)


def _snapshot_of(facts):
    missing = [kind for kind, key in facts["needs"] if not store.folder_of(kind, key).is_dir()]
    if missing:
        raise TestbedError(f"the cache lost {', '.join(missing)}: run `testbed up`")
    return store.folder_of("snapshot-ready", facts["snapshot"])


@contextlib.contextmanager
def _held(facts):
    """Locks for QEMU to inherit: for as long as it runs, nothing that it stands on is collected."""
    holds = [store.hold(kind, key) for kind, key in facts["needs"]]
    try:
        yield holds
    finally:
        for hold in holds:
            os.close(hold)


def _sweep():
    """Removes what instances left behind that ended long ago without `down`."""
    for state in (cache_root() / "instances").iterdir():
        with contextlib.suppress(OSError):
            disk = state / "disk.qcow2"
            if disk.exists() and time.time() - disk.stat().st_mtime > ABANDONED_SECONDS and not _in_use(disk):
                shutil.rmtree(state)


def _in_use(disk):
    return subprocess.run(["qemu-img", "info", str(disk)], capture_output=True, check=False).returncode != 0


def down(instance):
    with exclusively(instance):
        was_up = machine.stop(instance)
        shutil.rmtree(instance.run, ignore_errors=True)
        shutil.rmtree(instance.state, ignore_errors=True)
    return was_up


def lanes_of(instance):
    """The way into a running L0."""
    facts = machine.facts(instance)
    if not facts or machine.running_pid(instance) is None:
        raise TestbedError("L0 is not up: run `testbed up` first")
    return Lanes(instance, Path(facts["programs"]), lambda: machine.running_pid(instance) is not None)
