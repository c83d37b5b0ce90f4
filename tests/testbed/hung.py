"""Guests of L0 that QEMU's emulation of SVM has hung (README, "Pitfalls"): their CPU spins with interrupts off, for good."""

# Runs in L0. A guest that is only busy has interrupts on in some of the samples, or waits in HLT.
_SCRIPT = r"""
import re, subprocess, sys, time

def virsh(*words):
    return subprocess.run(["virsh", "-q", *words], capture_output=True, text=True, timeout=20, check=False).stdout

def spins(name):
    text = virsh("qemu-monitor-command", name, "--hmp", "info registers -a")
    cpus = re.findall(r"RFL=([0-9a-f]+) .*?HLT=(\d)", text, re.DOTALL)
    return any(halted == "0" and not int(flags, 16) & 0x200 for flags, halted in cpus)

suspects = virsh("list", "--name").split()
for _ in range(12):
    suspects = [name for name in suspects if spins(name)]
    if not suspects:
        break
    time.sleep(0.25)
print("\n".join(suspects))
"""


def names(lanes):
    """Takes a quarter of a second if all is well, some seconds otherwise."""
    return lanes.run(["python3", "-c", _SCRIPT], timeout=120).stdout.split()
