"""Guests of L0 that QEMU's emulation of SVM has hung (README, "Pitfalls"): their CPU spins with interrupts off, for good, or their kernel
panicked and said so on its console."""

# Runs in L0. A guest that is only busy has interrupts on in some of the samples, or waits in HLT.
_SCRIPT = r"""
import os, re, subprocess, sys, time

def virsh(*words):
    return subprocess.run(["virsh", "-q", *words], capture_output=True, text=True, timeout=20, check=False).stdout

def cpus(name):
    text = virsh("qemu-monitor-command", name, "--hmp", "info registers -a")
    return re.findall(r"RIP=([0-9a-f]+) RFL=([0-9a-f]+) .*?HLT=(\d)", text, re.DOTALL)

def spins(name):
    return any(halted == "0" and not int(flags, 16) & 0x200 for _, flags, halted in cpus(name))

def last_words(name):
    try:
        with open(f"/var/log/libvirt/qemu/{name}-console.log", "rb") as console:
            console.seek(max(0, os.fstat(console.fileno()).st_size - 65536))
            return console.read().decode(errors="replace")
    except OSError:
        return ""

# From its last boot on: a console's file outlives the guest.
def panicked(name):
    return "Kernel panic" in last_words(name).rpartition("Linux version")[2]

guests = virsh("list", "--name").split()
if sys.argv[1:] == ["states"]:
    for name in guests:
        for rip, flags, halted in cpus(name):
            print(name, "halted" if halted == "1" else "runs", "interrupts", "on" if int(flags, 16) & 0x200 else "off", "at", rip)
        if panicked(name):
            print(*(f"{name} said {ascii(line)[1:-1]}" for line in last_words(name).splitlines()[-40:]), sep="\n")
    sys.exit()
dead = [name for name in guests if panicked(name)]
guests = [name for name in guests if name not in dead]
for _ in range(12):
    guests = [name for name in guests if spins(name)]
    if not guests:
        break
    time.sleep(0.25)
print("\n".join(dead + guests))
"""


def names(lanes):
    """Takes a quarter of a second if all is well, some seconds otherwise."""
    return lanes.run(["python3", "-c", _SCRIPT], timeout=120).stdout.split()


def states(lanes):
    """A line for each virtual CPU of each guest: whether it runs, whether it takes interrupts, and where it is. Last words of those that panicked."""
    return lanes.run(["python3", "-c", _SCRIPT, "states"], timeout=120).stdout
