"""What L0 and its guests said."""
import subprocess

import instances
from lanes import in_primary
from primaries import NAMES
from report import TestbedError, say

_VIEWS = {
    "journal.txt": ["journalctl", "--no-pager", "-o", "short-precise"],
    "flatvm.txt": ["journalctl", "--no-pager", "-o", "verbose", "-u", "flatvmd*", "-u", "flatvm-*"],
    "virsh.txt": ["sh", "-c", "virsh list --all; virsh net-list --all; for d in $(virsh list --all --name); do virsh dumpxml $d; done"],
    "cgroups.txt": ["systemd-cgls", "--no-pager", "-l"],
    "network.txt": ["sh", "-c", "ip -d address; ip route; nft list ruleset"],
    "state.txt": ["sh", "-c", "find /var/lib/flatvm /run/flatvm -ls; find /var/lib/flatvm -name '*.json' -exec tail -n +1 {} +"],
    "consoles.txt": ["sh", "-c", "tail -n +1 /var/log/libvirt/qemu/*.log /var/log/flatvm/*.log /var/lib/flatvm/tenants/*/*console*"],
}


def show(args, instance):
    if args.serial:
        if not instance.serial_log.exists():
            raise TestbedError("there is no serial log: L0 was not started")
        print(instance.serial_log.read_text(errors="replace"), end="")
        return 0
    if args.collect:
        collect(instance, args.collect)
        return 0
    words = ["journalctl", "--no-pager", *(["-u", args.unit] if args.unit else [])]
    return subprocess.run(instances.lanes_of(instance).words(words), check=False).returncode


def collect(instance, folder):
    """Everything worth keeping after a failure. Best effort: what cannot be had is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    if instance.serial_log.exists():
        (folder / "l0-serial.txt").write_bytes(instance.serial_log.read_bytes())
    lanes = instances.lanes_of(instance)
    for name, argv in _VIEWS.items():
        done = lanes.run(argv, timeout=30)
        (folder / name).write_text(done.stdout + done.stderr)
    for name in NAMES:
        done = lanes.run(in_primary(name, ["journalctl", "--no-pager"], timeout=20, stdin=False), timeout=30)
        (folder / f"{name}-journal.txt").write_text(done.stdout + done.stderr)
    say(f"collected into {folder}")
