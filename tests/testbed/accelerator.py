"""How L0 is run: by KVM where a stock kernel really boots under it, by emulation with SVM elsewhere."""
import json
import os
import platform
import subprocess
import tempfile
from pathlib import Path

import store
from cpio import Archive
from report import say

KVM = ["-accel", "kvm", "-cpu", "host"]
# Without cx16: each locked cmpxchg16b stops all other emulated CPUs, and QEMU 7.2 delivers an interrupt that was just injected into
# a guest of such a CPU a second time then, interrupts disabled or not. Without la57: page walks are shorter.
TCG = ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "max,+svm,-cx16,-la57,-vgif,-pku,-mpx"]
PROBE_SECONDS = 15
MARK = b"testbed: a stock kernel boots"


def qemu_version():
    return subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]


def _boots_under_kvm(kernel_image, busybox):
    archive = Archive()
    for name in ("dev", "bin"):
        archive.folder(name)
    archive.device("dev/console", 5, 1)
    archive.file("bin/busybox", busybox.read_bytes(), 0o755)
    archive.file("init", b"#!/bin/busybox sh\necho '%s'\n"
                         b"/bin/busybox poweroff -f\n" % MARK, 0o755)
    with tempfile.NamedTemporaryFile() as initrd:
        initrd.write(archive.finish())
        initrd.flush()
        command = ["qemu-system-x86_64", "-M", "q35", *KVM, "-m", "256", "-nographic", "-nodefaults", "-no-reboot",
                   "-nic", "none", "-serial", "stdio", "-kernel", str(kernel_image), "-initrd", initrd.name,
                   "-append", "console=ttyS0 panic=-1"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            said, _ = process.communicate(timeout=PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
    return MARK in said


def _has_virtualization_for_guests():
    for module in ("kvm_amd", "kvm_intel"):
        try:
            return Path(f"/sys/module/{module}/parameters/nested").read_text().strip() in ("1", "Y")
        except OSError:
            continue
    return False


def choose(kernel_image, busybox):
    """QEMU's options. FLATVM_TESTBED_ACCEL=kvm|tcg overrides the probe, whose answer is kept per machine kernel."""
    forced = os.environ.get("FLATVM_TESTBED_ACCEL")
    if forced:
        return KVM if forced == "kvm" else TCG
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not _has_virtualization_for_guests():
        return TCG
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("model name", "stepping"))][:2]
    key = store.key_of(2, platform.release(), cpu, qemu_version())

    def make(folder):
        boots = _boots_under_kvm(kernel_image, busybox)
        say(f"a stock kernel {'boots' if boots else 'does not boot'} under this machine's KVM")
        (folder / "answer.json").write_text(json.dumps({"kvm": boots}))

    answer = json.loads((store.get_or_make("kvm-probe", key, make) / "answer.json").read_text())
    return KVM if answer["kvm"] else TCG
