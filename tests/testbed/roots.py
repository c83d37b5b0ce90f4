"""Debian roots made by mmdebstrap and the ext4 images made from them."""
import re
import shutil
from pathlib import Path

import debs
import store
from kernel import Kernel
from places import HERE
from report import run, step

SUITE = "bookworm"
# Of no use in a test machine, and a third of the files.
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"]
L0_DISK = "8G"
# Constant: the snapshot of the booted L0 has seen a disk of this size, whichever primary image is behind it later.
PRIMARY_DISK = "2G"
RECIPE = 3  # raise it when what this file does to a root changes


def _source_lists():
    """This machine's own Debian sources, so that a mirror or a frozen date set up here holds there too."""
    one_line = re.compile(rf"^deb .*\s{SUITE}(-updates|-security)?\s+main\b", re.M)
    stanza = re.compile(rf"^Suites:.*\b{SUITE}\b", re.M), re.compile(r"^Components:.*\bmain\b", re.M)
    found = []
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if path.suffix in (".list", ".sources") and path.is_file():
            text = path.read_text()
            if one_line.search(text) or all(pattern.search(text) for pattern in stanza):
                found.append(str(path))
    return found


def _bootstrap(packages, tree):
    # mmdebstrap takes deb822 files and lists alike; with none of them it uses the suite's defaults.
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    options.append("--dpkgopt=force-unsafe-io")
    run(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}", *options,
         SUITE, str(tree), *_source_lists()], "mmdebstrap")


def root(name, extra_packages=()):
    """The folder of a root, as mmdebstrap made it. name is l0 or primary."""
    packages = sorted({*debs.read_list(HERE / f"{name}.packages"), *extra_packages})
    key = store.key_of(RECIPE, SUITE, LEFT_OUT, packages)

    def make(folder):
        with step(f"made the root of {name}, {len(packages)} packages and what they need"):
            _bootstrap(packages, folder / "tree")

    return store.get_or_make(f"root-{name}", key, make) / "tree", key


def _tree_to_image(tree, image, size):
    run(["truncate", "-s", size, str(image)], "making an image")
    run(["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-d", str(tree), str(image)],
        "mke2fs")
    image.chmod(0o444)


def l0_image(extra_packages=()):
    tree, root_key = root("l0", extra_packages)
    key = store.key_of(RECIPE, root_key, L0_DISK)

    def make(folder):
        with step("made the disk image of L0"):
            _tree_to_image(tree, folder / "disk.img", L0_DISK)

    return store.get_or_make("image-l0", key, make) / "disk.img", key


def primary_image(packages, extra_packages=()):
    """The disk that all primaries share, with the given built packages installed."""
    tree, root_key = root("primary", extra_packages)
    l0_tree, l0_key = root("l0", ())
    key = store.key_of(RECIPE, root_key, l0_key, PRIMARY_DISK, debs.content_key(packages))

    def make(folder):
        with step("made the disk image of the primaries"):
            work = folder / "tree"
            run(["cp", "-a", "--reflink=auto", str(tree), str(work)], "copying the root")
            kernel = Kernel(l0_tree)
            modules = work / "usr/lib/modules" / kernel.release
            modules.parent.mkdir(parents=True, exist_ok=True)
            run(["cp", "-a", str(kernel.modules), str(modules)], "copying modules")
            if packages:
                debs.install_into(work, packages)
            _tree_to_image(work, folder / "disk.img", PRIMARY_DISK)
            shutil.rmtree(work)

    return store.get_or_make("image-primary", key, make) / "disk.img", key
