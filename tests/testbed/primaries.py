"""The primaries: libvirt domains in L0, as an operator would have defined them before flatvm came."""
import time
import uuid
from xml.sax.saxutils import quoteattr

import hung
from lanes import in_primary
from report import TestbedError, say, step

NAMES = ("acme", "globex", "initech")
TENANTS = ("acme", "globex")  # initech-primary is there for tests that add and remove tenants
MEMORY_MIB = 384
LANES = 3
SPARE_PORTS = 4  # for disks that come while it runs: q35 cannot plug anything into its root bus
LIMITS = ["--memory", "4GiB", "--vcpus", "4", "--vms", "8", "--disk", "20GiB"]
CMDLINE = ("root=/dev/vda rw console=ttyS0 quiet loglevel=4 mitigations=off audit=0 no_timer_check "
           "random.trust_cpu=on tsc=reliable nokaslr pcie_ports=compat 8250.nr_uarts=1 i8042.nokbd i8042.noaux "
           "cryptomgr.notests apparmor=0 systemd.show_status=no systemd.firstboot=off")


def domain_xml(name):
    machine_id = uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.flatvm.test")
    lanes = "".join(
        f"<channel type='unix'><source mode='bind' path='/run/testbed/{name}-primary/lane{lane}.sock'/>"
        f"<target type='virtio' name='org.flatvm.testbed.lane{lane}'/></channel>" for lane in range(LANES))
    ports = "<controller type='pci' model='pcie-root-port'/>" * SPARE_PORTS
    cmdline = f"{CMDLINE} systemd.hostname={name} systemd.machine_id={machine_id.hex}"
    return f"""<domain type='kvm'>
  <name>{name}-primary</name><uuid>{machine_id}</uuid>
  <memory unit='MiB'>{MEMORY_MIB}</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>
    <kernel>/srv/primaries/vmlinuz</kernel><initrd>/srv/primaries/initrd.img</initrd><cmdline>{quoteattr(cmdline)[1:-1]}</cmdline></os>
  <features><acpi/><apic/></features><cpu mode='host-passthrough'/>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe'/>
      <source file='/srv/primaries/{name}.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <controller type='pci' model='pcie-root'/>{ports}
    <controller type='usb' model='none'/>
    <serial type='file'><source path='/var/log/libvirt/qemu/{name}-primary-console.log'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>{lanes}
    <memballoon model='virtio'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>
"""


def define(lanes):
    for name in NAMES:
        disk = f"/srv/primaries/{name}.qcow2"
        lanes.demand(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/dev/disk/by-id/virtio-primary", disk],
                     "making a primary's disk")
        # The first has libvirt ask QEMU what it can do, by running it some times.
        lanes.demand(["virsh", "-q", "define", "/dev/stdin"], f"defining {name}-primary", timeout=240, stdin=domain_xml(name).encode())


def start(lanes, names):
    for name in names:
        if lanes.demand(["virsh", "domstate", f"{name}-primary"], "asking for a domain's state").strip() != "running":
            lanes.demand(["virsh", "-q", "start", f"{name}-primary"], f"starting {name}-primary", timeout=120)


def eventually(lanes, argv, what, seconds, accept=lambda done: done.returncode == 0):
    deadline = time.monotonic() + seconds
    while True:
        done = lanes.run(argv, timeout=60)
        if accept(done):
            return done
        if time.monotonic() > deadline:
            raise TestbedError(f"{what}: not within {seconds} s\n{(done.stdout + done.stderr).strip()[-2000:]}")
        time.sleep(0.3)


BOOT_SECONDS = 240  # half a minute where nothing else has the cores
HANGS = 5


def wait_until_up(lanes, names):
    for name in names:
        hangs, deadline = 0, time.monotonic() + BOOT_SECONDS
        while True:
            try:
                eventually(lanes, in_primary(name, ["systemctl", "is-system-running", "--wait"], timeout=60, stdin=False),
                           f"{name}-primary is up", 20, lambda done: done.stdout.strip() in ("running", "degraded"))
                break
            except TestbedError:
                hanging = f"{name}-primary" in hung.names(lanes)
                if hangs == HANGS or (time.monotonic() > deadline and not hanging):
                    raise
            if hanging:
                say(f"{name}-primary hangs as emulated SVM makes it now and then: starting it again")
                lanes.demand(["virsh", "-q", "destroy", f"{name}-primary"], f"stopping {name}-primary", timeout=120)
                start(lanes, [name])
                hangs, deadline = hangs + 1, time.monotonic() + BOOT_SECONDS


def install_host_packages(lanes, paths, copy_in):
    with step("installed " + ", ".join(path.name for path in paths)):
        for path in paths:
            copy_in(path, f"/var/tmp/{path.name}")
        files = [f"/var/tmp/{path.name}" for path in paths]
        lanes.demand(["env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-confdef", "--force-confold", "-i", *files],
                     "installing the built packages", timeout=300)
        lanes.demand(["rm", *files], "tidying up")
        eventually(lanes, ["systemctl", "is-active", "flatvmd.service"], "flatvmd is active", 30)


def add_tenants(lanes):
    for name in TENANTS:
        with step(f"tenant {name} added"):
            lanes.demand(["flatvmctl", "tenant", "add", name, "--primary", f"{name}-primary", *LIMITS, "--restart"],
                         f"adding tenant {name}", timeout=240)


def wait_for_broker(lanes):
    for name in TENANTS:
        words = in_primary(name, ["flatvm", "tenant", "--json"], timeout=20, stdin=False)
        eventually(lanes, words, f"flatvm answers in {name}-primary", 60)
