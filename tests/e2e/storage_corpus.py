"""Quota disks as a hostile guest may write them: made here by e2fsprogs' own tools, without a mount, each as gzip of its first bytes. What
no guest's kernel would write, debugfs writes into them."""
import gzip
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

BLOCK = 4096
DISK_MIB = 16  # of an ext4, unless said otherwise: what it has to be written in the primary
KEPT = os.urandom(3 * BLOCK)  # of other/keep, which no case may change
NODE_MAGIC = 0xF30A  # of a node of a tree of extents, ext3_extents.h


def digest_of_kept():
    return hashlib.sha256(KEPT).hexdigest()


class _Disk:
    """An ext4 that is being made, in a folder of its own."""

    def __init__(self, folder):
        self._tree, self._image = Path(folder) / "tree", Path(folder) / "image"
        self._tree.mkdir()
        self.put("images/good.raw", b"an image, and a good one".ljust(64 << 10, b"."))
        self.put("other/keep", KEPT)

    def put(self, path, content=b"x" * BLOCK):
        file = self._tree / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)

    def put_hole(self, path, length):
        self.put(path, b"")
        os.truncate(self._tree / path, length)

    def make(self, *options, mib=DISK_MIB):
        subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-E", "nodiscard", *options, "-d", str(self._tree),
                        str(self._image), f"{mib}M"], check=True, capture_output=True)

    def debugfs(self, *requests):
        """It ends with 0 whatever happens, and says "COMMAND: …" of what was no good."""
        script = self._image.with_name("requests")
        script.write_text("".join(f"{request}\n" for request in requests))
        done = subprocess.run(["/sbin/debugfs", "-w", "-f", str(script), str(self._image)], check=True, capture_output=True, text=True)
        said = done.stdout + done.stderr
        for request in requests:
            if f"\n{request.split()[0]}: " in said:
                raise RuntimeError(f"debugfs: {request}: {said}")
        return done.stdout

    def first_block(self, path):
        return int(self.debugfs(f"blocks {path}").splitlines()[-1].split()[0])

    def set_words(self, path, words):
        """Words of i_block: the header and the first entry of the file's tree of extents."""
        self.debugfs(*(f"set_inode_field {path} block[{at}] {word}" for at, word in words.items()))

    def patch(self, at, content):
        with open(self._image, "r+b") as image:
            image.seek(at)
            image.write(content)

    def packed(self, mib=DISK_MIB):
        with open(self._image, "rb") as image:
            return gzip.compress(image.read(mib << 20), 1)


def _made(fill):
    with tempfile.TemporaryDirectory() as folder:
        disk = _Disk(folder)
        return fill(disk)


def kinds():
    """Files that are no images, each images/NAME.raw; and through/keep, below a link to a directory. All else on the disk is good."""
    flags = {"encrypted": 0x80800, "verity": 0x180000, "immutable": 0x80010, "inline": 0x10080000, "no-extents": 0, "unknown": 0x80004}

    def fill(disk):
        for name in (*flags, "linked", "petabyte", "sectors", "nothing"):
            disk.put(f"images/{name}.raw")
        disk.make()
        disk.debugfs("symlink images/link.raw /etc/shadow", "symlink through other", "cd images", "mknod block.raw b 254 0",
                     "mknod char.raw c 1 5", "mknod pipe.raw p", "mkdir folder.raw", "cd /",
                     "ln images/linked.raw other/second", "set_inode_field images/linked.raw links_count 2",
                     f"set_inode_field images/petabyte.raw size {1 << 50}", "set_inode_field images/sectors.raw size 4095",
                     "set_inode_field images/nothing.raw mode 0",
                     *(f"set_inode_field images/{name}.raw flags {value:#x}" for name, value in flags.items()))
        return disk.packed()

    return _made(fill)


def damaged():
    """Files whose inodes and trees of extents no filesystem has, each images/NAME.raw. Without checksums, which would tell."""
    def fill(disk):
        for name in ("huge", "loop", "metadata", "free", "gone", "deep"):
            disk.put(f"images/{name}.raw")
        disk.put("node")
        disk.make("-O", "^metadata_csum")
        node = disk.first_block("node")
        disk.set_words("images/huge.raw", {4: 0x8000})  # 32768 blocks: far more than there are
        disk.set_words("images/metadata.raw", {5: 1})  # group descriptors
        disk.set_words("images/free.raw", {5: (DISK_MIB << 20) // BLOCK - 100})
        disk.set_words("images/deep.raw", {1: 4 | 0xFFFF << 16})
        # A root that points to a node, all of whose entries point to itself.
        disk.set_words("images/loop.raw", {0: NODE_MAGIC | 1 << 16, 1: 4 | 3 << 16, 3: 0, 4: node, 5: 0})
        entries = b"".join(number.to_bytes(4, "little") + node.to_bytes(4, "little") + bytes(4) for number in range(4))
        disk.patch(node * BLOCK, NODE_MAGIC.to_bytes(2, "little") + b"\4\0\4\0\2\0" + bytes(4) + entries)
        disk.debugfs("freei images/gone.raw")
        return disk.packed()

    return _made(fill)


def shared():
    """images/mine.raw has the blocks of other/theirs. A reader of the one does not see that; a check of all does."""
    def fill(disk):
        disk.put("images/mine.raw", b"m" * (64 << 10))
        disk.put("other/theirs", b"t" * (64 << 10))
        disk.make("-O", "^metadata_csum")
        disk.set_words("images/mine.raw", {5: disk.first_block("other/theirs")})
        return disk.packed()

    return _made(fill)


def full(disk_mib):
    """Of sparse images on a disk of `disk_mib`: images/most.raw, which leaves less than the other files take, and images/all.raw, which
    leaves next to nothing."""
    def fill(disk):
        disk.put("other/filler", b"f" * (15 << 20))
        disk.put_hole("images/most.raw", disk_mib - 12 << 20)
        disk.put_hole("images/all.raw", disk_mib - 4 << 20)
        disk.make(mib=24)
        return disk.packed(24)

    return _made(fill)


def not_taken(disk_mib):
    """Whole disks that are none, by what they are."""
    def with_feature(disk):
        disk.make("-O", "encrypt")
        return disk.packed()

    def too_large(disk):
        disk.make(mib=disk_mib + 64)
        return disk.packed()

    return {"garbage": gzip.compress(os.urandom(DISK_MIB << 16)), "zeros": gzip.compress(bytes(DISK_MIB << 20), 1),
            "an ext4 with encryption": _made(with_feature), "an ext4 larger than the disk": _made(too_large)}


def qcow2_on(path, mib):
    """The beginning of a qcow2 image whose backing file is `path`."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image"
        # -u: the backing file is not looked at.
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", path, "-F", "raw", str(image), f"{mib}M"], check=True)
        return image.read_bytes()
