"""The QEMU process of an L0: its command line, which a snapshot and what starts from it must share, and its life."""
import json
import os
import re
import signal
import subprocess
import time

from qmp import Monitor
from report import TestbedError, run

LANES = 8
RECIPE = 3  # raise it when the devices or the way of saving change
STATE_DISK_BYTES = 8 << 30  # sparse, and empty at every start: for /var/lib/flatvm on a filesystem of its own
GUEST_MODE = 1 << 21  # QEMU's HF_GUEST_MASK: this vCPU runs a guest of its own
MEMORY_MIB = int(os.environ.get("FLATVM_TESTBED_MEMORY_MIB", "5120"))
CPUS = 1 + max(2, min(4, os.cpu_count() or 2))  # the first one is not for guests
# An oops in L0 is its end, and QEMU's, and so is a CPU that schedules nothing for a minute: nothing that is said after it would be of
# worth. CPU 0 runs no guests: README, "Pitfalls".
CMDLINE = ("oops=panic panic=-1 softlockup_panic=1 watchdog_thresh=30 panic_print=64 isolcpus=0 root=/dev/vda console=ttyS0 quiet loglevel=4 net.ifnames=0 mitigations=off audit=0 nokaslr tsc=reliable "
           "random.trust_cpu=on no_timer_check systemd.machine_id=f1a7f1a7f1a7f1a7f1a7f1a7f1a7f1a7 "
           "systemd.show_status=no systemd.firstboot=off rd.systemd.unit=default.target apparmor=0 "
           "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1")


def overlay(base, base_format, path):
    path.unlink(missing_ok=True)
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", base_format, "-b", str(base), str(path)], "making a disk overlay")


def _blank(path):
    path.unlink(missing_ok=True)
    with open(path, "wb") as disk:
        disk.truncate(STATE_DISK_BYTES)


def shape(accel):
    """All of the command line that does not depend on where files are."""
    return [accel, MEMORY_MIB, CPUS, LANES, CMDLINE, STATE_DISK_BYTES, RECIPE]


def _command(instance, accel, boot, memory_file, memory_shared, disk, primary_disk, incoming):
    share = "on" if memory_shared else "off"
    command = [
        "qemu-system-x86_64", "-name", f"flatvm-l0-{instance.id},debug-threads=on", "-nodefaults", "-no-user-config", "-display", "none",
        "-nic", "none", "-M", "q35,memory-backend=ram,usb=off,vmport=off,hpet=off", *accel,
        "-smp", str(CPUS), "-m", str(MEMORY_MIB),
        "-object", f"memory-backend-file,id=ram,size={MEMORY_MIB}M,mem-path={memory_file},share={share}",
        "-kernel", str(boot / "vmlinuz"), "-initrd", str(boot / "initrd.img"), "-append", CMDLINE,
        "-drive", f"id=root,if=none,file={disk},format=qcow2,cache=unsafe,discard=unmap",
        "-device", "virtio-blk-pci,drive=root,serial=root",
        "-drive", f"id=primary,if=none,file={primary_disk},format=raw,readonly=on,cache=unsafe,file.locking=off",
        "-device", "virtio-blk-pci,drive=primary,serial=primary",
        "-drive", f"id=state,if=none,file={instance.state_disk},format=raw,cache=unsafe,discard=unmap",
        "-device", "virtio-blk-pci,drive=state,serial=state",
        "-chardev", f"file,id=console,path={instance.serial_log},append=on", "-serial", "chardev:console",
        "-object", "rng-builtin,id=rng", "-device", "virtio-rng-pci,rng=rng",
        "-device", f"virtio-serial-pci,max_ports={LANES + 1}",
        "-qmp", f"unix:{instance.qmp},server=on,wait=off", "-pidfile", str(instance.pid_file), "-no-reboot",
    ]
    for lane in range(LANES):
        command += ["-chardev", f"socket,id=lane{lane},path={instance.run}/lane{lane}.sock,server=on,wait=off",
                    "-device", f"virtserialport,nr={lane + 1},chardev=lane{lane},name=org.flatvm.testbed.lane{lane}"]
    return command + (["-incoming", "defer"] if incoming else [])


class Machine:
    """A started QEMU. Its guest does not run before restore() or after save()."""

    def __init__(self, instance, accel, boot, memory_file, memory_shared, disk, primary_disk, incoming=False, holds=(), blank=True):
        if len(f"{instance.run}/lane0.sock") > 100:
            raise TestbedError(f"{instance.run} is too long for unix sockets: set FLATVM_TESTBED_RUN to a short folder")
        stop(instance)
        instance.make()
        for old in instance.run.glob("lane*"):
            old.unlink()
        instance.qmp.unlink(missing_ok=True)
        if blank:
            _blank(instance.state_disk)
        self.instance = instance
        command = _command(instance, accel, boot, memory_file, memory_shared, disk, primary_disk, incoming)
        self._log = instance.state / "qemu.log"
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, pass_fds=holds)

    def alive(self):
        return self.process.poll() is None

    def monitor(self):
        try:
            return Monitor(self.instance.qmp)
        except TestbedError:
            if self.process.poll() is not None:
                raise TestbedError(f"QEMU did not start:\n{self._log.read_text()[-2000:]}") from None
            raise

    def restore(self, state_file):
        with self.monitor() as monitor:
            _set_capabilities(monitor)
            monitor.call("migrate-incoming", uri=f"exec:cat {state_file}")
            try:
                monitor.wait_for_migration()
            except TestbedError as error:
                raise TestbedError(f"{error}: {self._log.read_text()[-1000:].strip()}") from None
            monitor.call("cont")

    def save(self, state_file):
        """Stops the guest for good and writes its state, without the memory, which is in its file already."""
        with self.monitor() as monitor:
            _stop_outside_guests(monitor)
            _set_capabilities(monitor)
            monitor.call("migrate", uri=f"exec:cat > {state_file}")
            monitor.wait_for_migration()
            monitor.call("quit")
        self.process.wait(timeout=60)


def _stop_outside_guests(monitor):
    """Stops while no vCPU is inside a guest of L0: QEMU refuses to load the state of an emulated one that is."""
    for _ in range(500):
        monitor.call("stop")
        registers = monitor.call("human-monitor-command", command_line="info registers -a")
        flags = re.findall(r"\bHFL=([0-9a-f]+)", registers)
        if not any(int(word, 16) & GUEST_MODE for word in flags):
            return
        monitor.call("cont")
        time.sleep(0.02)
    raise TestbedError("L0's guests never rest: no moment for a snapshot")


def _set_capabilities(monitor):
    monitor.call("migrate-set-capabilities", capabilities=[{"capability": "x-ignore-shared", "state": True}])


def running_pid(instance):
    """The process id of the instance's QEMU, or None. A recycled id is told by the command line."""
    try:
        pid = int(instance.pid_file.read_text())
        with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
            return pid if f"flatvm-l0-{instance.id}".encode() in cmdline.read() else None
    except (OSError, ValueError):
        return None


def stop(instance):
    """Ends the instance's QEMU at once: its disk and memory are throw-away. True if there was one."""
    pid = running_pid(instance)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while running_pid(instance) is not None:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
        time.sleep(0.01)
    return True


def describe(instance, facts):
    instance.about.write_text(json.dumps(facts))


def facts(instance):
    try:
        return json.loads(instance.about.read_text())
    except (OSError, ValueError):
        return {}
