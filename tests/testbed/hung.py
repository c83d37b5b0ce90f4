"""Guests of L0 that QEMU's emulation of SVM has hung (README, "Pitfalls"): their CPU spins with interrupts off, for good."""

# Runs in L0. A guest that is only busy has interrupts on in some of the samples, or waits in HLT.
_SCRIPT = r"""
import re, subprocess, sys, time

def virsh(*words):
    return subprocess.run(["virsh", "-q", *words], capture_output=True, text=True, timeout=20, check=False).stdout

def cpus(name):
    text = virsh("qemu-monitor-command", name, "--hmp", "info registers -a")
    return re.findall(r"RIP=([0-9a-f]+) RFL=([0-9a-f]+) .*?HLT=(\d)", text, re.DOTALL)

def spins(name):
    return any(halted == "0" and not int(flags, 16) & 0x200 for _, flags, halted in cpus(name))

guests = virsh("list", "--name").split()
if sys.argv[1:] == ["states"]:
    for name in guests:
        for rip, flags, halted in cpus(name):
            print(name, "halted" if halted == "1" else "runs", "interrupts", "on" if int(flags, 16) & 0x200 else "off", "at", rip)
    sys.exit()
for _ in range(12):
    guests = [name for name in guests if spins(name)]
    if not guests:
        break
    time.sleep(0.25)
print("\n".join(guests))
"""


def names(lanes):
    """Takes a quarter of a second if all is well, some seconds otherwise."""
    return lanes.run(["python3", "-c", _SCRIPT], timeout=120).stdout.split()


def states(lanes):
    """A line for each virtual CPU of each guest: whether it runs, whether it takes interrupts, and where it is."""
    return lanes.run(["python3", "-c", _SCRIPT, "states"], timeout=120).stdout
