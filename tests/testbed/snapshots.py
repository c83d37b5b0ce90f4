"""Two snapshots of a running L0: `booted` (no guests yet) and `ready` (primaries up, packages installed).

The memory is a file that QEMU maps: shared while a snapshot is made, privately by what starts from it. So a snapshot holds
no copy of the memory, and a start reads only the pages it touches."""
import contextlib
import shutil

import accelerator
import artefacts
import debs
import machine
import primaries
import roots
import store
from lanes import Lanes
from places import HERE, Instance
from report import TestbedError, run, step, tried

BOOT_SECONDS = 240


class Recipe:
    """Everything a snapshot is made from, made if missing, and the keys that follow from it."""

    def __init__(self, built):
        self.built = built
        self.host_extra, guest_extra = artefacts.extra_dependencies(built)
        self.boot, self.boot_key = artefacts.boot_files(self.host_extra)
        self.l0_disk, self.l0_key = roots.l0_image(self.host_extra)
        self.primary_disk, self.primary_key = roots.primary_image(built.guest, guest_extra)
        self.programs, self.programs_key = artefacts.programs()
        tree, _ = roots.root("l0", self.host_extra)
        self.accel = accelerator.choose(self.boot / "vmlinuz", tree / "bin/busybox")
        self.booted_key = store.key_of(self.boot_key, self.l0_key, accelerator.qemu_version(), machine.shape(self.accel))
        self.ready_key = store.key_of(self.booted_key, self.primary_key, debs.content_key(built.host),
                                      HERE / "primaries.py", HERE / "snapshots.py")

        store.touch("snapshot-booted", self.booted_key)

    def needs(self):
        """The artefacts, by kind and key, without which an instance cannot be put back."""
        return [("snapshot-ready", self.ready_key), ("snapshot-booted", self.booted_key), ("image-l0", self.l0_key),
                ("image-primary", self.primary_key), ("boot", self.boot_key), ("programs", self.programs_key)]


# Guests stand still in a snapshot: a stop in the middle of one would leave state that QEMU refuses to load, or upset the guest.
# They are stopped as processes, so that libvirt sees no event; `go-on` lets them go on.
_SETTLE = "journalctl --sync; sync; killall -q -STOP qemu-system-x86_64; sleep 0.2; true"


def _settle(lanes):
    lanes.demand(["sh", "-c", _SETTLE], "settling")


def _booted(recipe, again):
    def make(folder):
        with step("booted L0"):
            instance = Instance(f"making-booted-{recipe.booted_key}")
            disk = folder / "disk.qcow2"
            machine.overlay(recipe.l0_disk, "raw", disk)
            vm = machine.Machine(instance, recipe.accel, recipe.boot, folder / "ram", True, disk, recipe.primary_disk)
            try:
                lanes = Lanes(instance, recipe.programs, vm.alive)
                lanes.wait_until_answering(BOOT_SECONDS)
                state = lanes.run(["systemctl", "is-system-running", "--wait"], timeout=BOOT_SECONDS).stdout.strip()
                if state != "running":
                    raise TestbedError(f"L0 is {state}:\n" + lanes.run(["systemctl", "--failed", "--no-pager"]).stdout)
                lanes.demand(["virsh", "-q", "list"], "asking libvirt")
                # What is behind the primaries' disk changes after this: L0 must not remember any of it.
                lanes.demand(["sh", "-c", "sync; echo 3 > /proc/sys/vm/drop_caches"], "dropping caches")
                _settle(lanes)
                vm.save(folder / "state")
            finally:
                _clear(instance)

    return store.get_or_make("snapshot-booted", recipe.booted_key, make, again)


def _clear(instance):
    machine.stop(instance)
    shutil.rmtree(instance.run, ignore_errors=True)
    shutil.rmtree(instance.state, ignore_errors=True)


def ready(recipe, again=False):
    """The folder of the snapshot that instances start from."""
    def make(folder):
        def empty():
            shutil.rmtree(folder)
            folder.mkdir()

        tried(lambda: make_once(folder), empty)

    def make_once(folder):
        booted = _booted(recipe, again)
        instance = Instance(f"making-ready-{recipe.ready_key}")
        disk = folder / "disk.qcow2"
        machine.overlay(booted / "disk.qcow2", "qcow2", disk)
        run(["cp", "--sparse=always", "--reflink=auto", str(booted / "ram"), str(folder / "ram")], "copying L0's memory")
        vm = machine.Machine(instance, recipe.accel, recipe.boot, folder / "ram", True, disk, recipe.primary_disk,
                             incoming=True)
        lanes = Lanes(instance, recipe.programs, vm.alive)
        try:
            vm.restore(booted / "state")
            lanes.wait_until_answering(30)
            _populate(recipe, lanes)
            _settle(lanes)
            with step("saved the snapshot"):
                vm.save(folder / "state")
        except TestbedError as error:
            raise TestbedError(f"{error}{_last_words(instance, lanes)}") from error
        finally:
            _clear(instance)

    return store.get_or_make("snapshot-ready", recipe.ready_key, make, again)


def _last_words(instance, lanes):
    said = ""
    with contextlib.suppress(OSError):
        said += "\nlast lines of L0's console:\n" + instance.serial_log.read_text(errors="replace")[-2000:]
    with contextlib.suppress(OSError, TestbedError):
        journal = lanes.run(["journalctl", "-q", "--no-pager", "-n", "40", "-o", "short-monotonic"], timeout=20).stdout
        said += "\nlast lines of L0's journal:\n" + journal
    return said


def _populate(recipe, lanes):
    primaries.define(lanes)
    if recipe.built:
        def copy_in(path, target):
            lanes.demand(["sh", "-c", 'cat > "$0"', target], "copying a package", stdin=path.read_bytes())

        primaries.install_host_packages(lanes, recipe.built.host, copy_in)
        primaries.add_tenants(lanes)
    with step("primaries up"):
        primaries.start(lanes, primaries.TENANTS)
        primaries.wait_until_up(lanes, primaries.TENANTS)
        if recipe.built:
            primaries.wait_for_broker(lanes)
