"""What is made besides roots: the static programs, the catalog images and the initramfs of each level."""
import gzip
import subprocess

import catalog
import debs
import store
from cpio import Archive
from kernel import Kernel
from places import HERE
from report import run, step
from roots import root

ROOT_MODULES = ["virtio_pci", "virtio_blk"]


def programs():
    """The folder with lane, probe, frame and udp_echo, linked statically: they run on every level."""
    sources = HERE / "guest"
    compiler = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    key = store.key_of(1, compiler, sources)

    def make(folder):
        flags = ["-std=c++20", "-O2", "-static", "-s", "-Wall", "-Wextra", "-Wshadow", "-Wconversion"]
        for program, files in (("lane", sorted(sources.glob("lane*.cc"))), ("probe", [sources / "probe.cc"]),
                               ("frame", [sources / "frame.cc"]), ("udp_echo", [sources / "udp_echo.cc"])):
            run(["g++", *flags, "-o", str(folder / program), *map(str, files)], f"compiling {program}")

    return store.get_or_make("programs", key, make), key


def boot_archive(kernel, busybox, over, extra=()):
    """The initramfs that both L0 and the primaries boot with; over and extra are laid over their root."""
    archive = Archive()
    for name in ("dev", "proc", "root", "bin", "modules", "over"):
        archive.folder(name)
    archive.device("dev/console", 5, 1)
    archive.file("init", (HERE / "boot-init").read_bytes(), 0o755)
    archive.file("bin/busybox", busybox.read_bytes(), 0o755)
    files = kernel.load_order(ROOT_MODULES)
    for path in files:
        archive.file(f"modules/{path.name}", path.read_bytes())
    archive.file("modules/order", "".join(f"{path.name}\n" for path in files).encode())
    for tree in over:
        archive.tree(tree, "over")
    for name, data, mode in extra:
        archive.file(f"over/{name}", data, mode)
    return archive.finish()


def boot_files(extra_packages=()):
    """The folder with vmlinuz and initrd.img of L0; the primaries' own lie inside the latter."""
    tree, root_key = root("l0", extra_packages)
    bin_folder, programs_key = programs()
    shelf, catalog_key = catalog.images(tree, root_key, bin_folder, programs_key)
    trees = [HERE / name for name in ("both", "l0", "primary")]
    key = store.key_of(2, root_key, programs_key, catalog_key, HERE / "boot-init", HERE / "artefacts.py", *trees)

    def make(folder):
        with step("made what L0 boots"):
            kernel = Kernel(tree)
            busybox = tree / "bin/busybox"
            lane = ("usr/local/lib/flatvm-testbed/lane", (bin_folder / "lane").read_bytes(), 0o755)
            primary = boot_archive(kernel, busybox, [HERE / "both", HERE / "primary"], [lane])
            image = kernel.image.read_bytes()
            extra = [lane, ("srv/primaries/vmlinuz", image, 0o644),
                     ("srv/primaries/initrd.img", gzip.compress(primary, 1), 0o644)]
            for path in sorted(shelf.rglob("*")):
                if path.is_file():
                    extra.append((f"var/lib/flatvm/catalog/{path.relative_to(shelf)}", path.read_bytes(), 0o644))
            (folder / "vmlinuz").write_bytes(image)
            (folder / "initrd.img").write_bytes(boot_archive(kernel, busybox, [HERE / "both", HERE / "l0"], extra))

    return store.get_or_make("boot", key, make), key


def extra_dependencies(built):
    """Packages that the built ones depend on and that the lists do not name (normally none)."""
    host = set(built.depends(built.host)) - set(debs.read_list(HERE / "l0.packages"))
    guest = set(built.depends(built.guest)) - set(debs.read_list(HERE / "primary.packages"))
    return _not_in("l0", host), _not_in("primary", guest)


def _not_in(name, packages):
    if not packages:
        return ()
    tree, _ = root(name)
    shown = subprocess.run(["dpkg-query", f"--admindir={tree}/var/lib/dpkg", "-W", "-f=${Package} ${Provides}\n"],
                           capture_output=True, text=True, check=True).stdout
    have = {word.strip(",") for word in shown.split()}
    return tuple(sorted(packages - have))
