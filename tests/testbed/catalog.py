"""The catalog's images: `tiny` (kernel, initramfs and a small data disk) and `tiny-disk` (the same, booted by BIOS)."""
import json

import store
from cpio import Archive
from kernel import Kernel
from places import HERE
from report import run, step

MODULES = ["virtio_pci", "virtio_net", "virtio_blk", "virtio_balloon", "vmw_vsock_virtio_transport", "af_packet"]
# Little to say and little to probe for: where all is emulated, each of these words saves time. Plugging of PCI devices
# goes through ACPI, so it does not need the ports' own service.
CMDLINE = ("console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off audit=0 apparmor=0 nokaslr tsc=reliable no_timer_check "
           "random.trust_cpu=on net.ifnames=0 pcie_ports=compat 8250.nr_uarts=1 i8042.nokbd i8042.noaux cryptomgr.notests")
DATA_DISK_MIB = 16
BOOT_DISK_MIB = 20
MIN_MEMORY = "96MiB"


def _initramfs(kernel, busybox, programs):
    archive = Archive()
    for name in ("dev", "proc", "sys", "bin", "etc", "tmp", "www"):
        archive.folder(name)
    archive.device("dev/console", 5, 1)
    archive.device("dev/ttyS0", 4, 64)
    archive.file("init", (HERE / "tiny/init").read_bytes(), 0o755)
    archive.file("etc/udhcpc.script", (HERE / "tiny/udhcpc.script").read_bytes(), 0o755)
    archive.tree(HERE / "tiny/cgi-bin", "www/cgi-bin")
    archive.file("bin/busybox", busybox.read_bytes(), 0o755)
    for name in ("probe", "frame", "udp_echo"):
        archive.file(f"bin/{name}", (programs / name).read_bytes(), 0o755)
    files = kernel.load_order(MODULES)
    for path in files:
        archive.file(f"modules/{path.name}", path.read_bytes())
    archive.file("modules/order", "".join(f"{path.name}\n" for path in files).encode())
    return archive.finish()


def _make_tiny(folder, image, initramfs):
    folder.mkdir()
    (folder / "vmlinuz").write_bytes(image)
    (folder / "initrd.img").write_bytes(initramfs)
    data = folder / "data.raw"
    run(["truncate", "-s", f"{DATA_DISK_MIB}M", str(data)], "making tiny's disk")
    run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L", "tiny-data", str(data)], "formatting tiny's disk")
    _describe(folder, {
        "description": "A test guest of a few MiB: serves HTTP, answers questions, shuts up otherwise",
        "kernel": "vmlinuz", "initrd": "initrd.img", "cmdline": CMDLINE,
        "disk": {"file": "data.raw", "format": "raw"}, "min_memory": MIN_MEMORY})


def _make_tiny_disk(folder, image, initramfs):
    folder.mkdir()
    disk = folder / "disk.raw"
    run(["truncate", "-s", f"{BOOT_DISK_MIB}M", str(disk)], "making tiny-disk")
    run(["mkfs.fat", "-F", "16", "-n", "TINYDISK", str(disk)], "formatting tiny-disk")
    files = folder / "files"
    files.mkdir()
    (files / "vmlinuz").write_bytes(image)
    (files / "initrd.img").write_bytes(initramfs)
    (files / "syslinux.cfg").write_text(
        f"DEFAULT tiny\nPROMPT 0\nTIMEOUT 0\nLABEL tiny\n  KERNEL vmlinuz\n  INITRD initrd.img\n  APPEND {CMDLINE}\n")
    for path in sorted(files.iterdir()):
        run(["mcopy", "-i", str(disk), str(path), "::"], "filling tiny-disk")
        path.unlink()
    files.rmdir()
    run(["syslinux", "--install", str(disk)], "making tiny-disk bootable")
    _describe(folder, {"description": "The same guest as tiny, booted by firmware from its disk",
                       "disk": {"file": "disk.raw", "format": "raw"}, "min_memory": MIN_MEMORY})


def _describe(folder, about):
    (folder / "image.json").write_text(json.dumps(about, indent=2) + "\n")


def images(l0_tree, root_key, programs, programs_key):
    """The folder that becomes L0's catalog, and its key."""
    key = store.key_of(1, root_key, programs_key, HERE / "tiny", HERE / "catalog.py")

    def make(folder):
        with step("made the catalog's images"):
            kernel = Kernel(l0_tree)
            initramfs = _initramfs(kernel, l0_tree / "bin/busybox", programs)
            image = kernel.image.read_bytes()
            _make_tiny(folder / "tiny", image, initramfs)
            _make_tiny_disk(folder / "tiny-disk", image, initramfs)

    return store.get_or_make("catalog", key, make), key
