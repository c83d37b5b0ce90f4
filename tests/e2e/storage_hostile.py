"""A tenant that means harm, on its quota disk: each try gets its code and reason, and afterwards everything is as it was before.

What the reader refuses is the same on every filesystem of the host; what gets past it, to the disk's files, is tried on each.
"""
import json
import xml.etree.ElementTree as ElementTree

import storage_corpus
from checks import eventually, expect, expect_equal, expect_in
from storage_quota import DEVICE, QUOTA_MIB, TENANT, expect_sizes

UNUSABLE = ("FAILED_PRECONDITION", "IMAGE_UNUSABLE")
DAMAGED = ("FAILED_PRECONDITION", "QUOTA_DISK_UNUSABLE")
FULL = ("FAILED_PRECONDITION", "QUOTA_DISK_FULL")
KEEPS = ("FAILED_PRECONDITION", "PRIMARY_KEEPS_DISK")
NOT_FOUND = ("NOT_FOUND", "IMAGE_NOT_FOUND")
# A namespace of mounts of its own: libflatvm does not see that the disk is mounted there. $$ stays the process that holds it.
HOLD = (f"umount /mnt/quota; rm -f /tmp/held; unshare -m sh -c 'mount {DEVICE} /mnt/quota && touch /mnt/quota/held && sync && cd /mnt/quota && "
        "echo $$ > /tmp/held && exec sleep 1000' > /dev/null 2>&1 < /dev/null & "
        "for i in $(seq 100); do [ -s /tmp/held ] && exit 0; sleep 0.1; done; exit 1")
# The port that the disk is plugged into, as the guest's kernel knows it.
PORT = f"readlink -f /sys/class/block/$(basename $(readlink -f {DEVICE})) | cut -d/ -f1-5"


def run(l0, checks, initech):
    """Of a quota disk that has storage_quota's tree and is mounted; leaves an empty one that is."""
    tries = _Tries(l0, checks, initech)
    _made_by_its_kernel(tries)
    _kept_in_secret(tries)
    _tree_is_whole(tries)
    _bad_paths(tries)
    _kinds(tries)
    _damaged(tries)
    _whole_disks(tries)
    _past_the_reader(tries)
    _header_in_a_raw_volume(tries)
    _good_again(tries)
    _hidden(tries)


def run_past_the_reader(l0, checks, initech):
    tries = _Tries(l0, checks, initech)
    _kept_in_secret(tries)
    _tree_is_whole(tries)
    _past_the_reader(tries)
    _good_again(tries)


class _Tries:
    """One hostile primary, and what is known of its tenant from before."""

    def __init__(self, l0, checks, initech):
        self.l0, self.checks, self.initech = l0, checks, initech
        self._before = self.seen()

    def seen(self):
        """All files of the tenant on the host, and the disks of its primary, which runs."""
        return self.l0.run(f"cd {TENANT} && find . -type f | sort && virsh -q domblklist initech-primary").ok().out

    def take(self, path):
        return self.initech.flatvm("volume", "create", "bad", "--from-disk", path, "--json", timeout=240)

    def refused(self, what, path, error):
        with self.checks.check(f"{what}: {error[1]}, and nothing has changed"):
            self.take(path).expect_error(*error)
            expect_equal(self.seen(), self._before, "files and disks")
            self.wait_for_disk()

    def wait_for_disk(self):
        self.initech.run(f"until [ -b {DEVICE} ]; do sleep 0.05; done", timeout=60).ok()

    def write(self, packed):
        """Puts a disk over the disk, as the guest may."""
        self.wait_for_disk()
        self.initech.run(f"gzip -dc > {DEVICE} && sync", stdin=packed, timeout=180).ok()

    def unmount(self):
        self.initech.run("umount /mnt/quota").ok()

    def ledger_is_right(self):
        expect_equal(self.initech.flatvm("volume", "list", "--json").json(), {"volumes": []}, "volumes")
        expect_sizes(self.l0, self.initech)


def _made_by_its_kernel(tries):
    tries.initech.run("cd /mnt/quota/images && mknod block.raw b 254 0 && mknod zero.raw c 1 5 && truncate -s 3T vast.raw && "
                      "head -c 8192 /dev/urandom > still.raw && chattr +i still.raw && sync").ok()
    for name, error in (("block.raw", UNUSABLE), ("zero.raw", UNUSABLE), ("vast.raw", UNUSABLE), ("still.raw", UNUSABLE)):
        tries.refused(f"{name.split('.', maxsplit=1)[0]}, as its own kernel makes it", f"images/{name}", error)
    tries.initech.run("chattr -i /mnt/quota/images/still.raw").ok()


def _bad_paths(tries):
    with tries.checks.check("paths that lead elsewhere: FIELD_MALFORMED, and the disk is not even unplugged"):
        marks = "cat /sys/class/block/*/diskseq"  # a number that no two disks have had since its boot
        before = tries.initech.run(marks).ok().out
        for path in ("../etc/shadow", "/etc/shadow", "images//hole.raw", "images/./hole.raw", "images/../hole.raw", "images/hole.raw/"):
            tries.take(path).expect_error("INVALID_ARGUMENT", "FIELD_MALFORMED", "from_quota_disk")
        tries.take("x" * 4097).expect_error("INVALID_ARGUMENT", "FIELD_OUT_OF_RANGE", "from_quota_disk")
        expect_equal(tries.initech.run(marks).ok().out, before, "devices of the guest")


def _kept_in_secret(tries):
    """The guest's kernel lets go of a disk whoever uses it: what is on the disk then was not unmounted."""
    with tries.checks.must("the primary mounts its disk where libflatvm does not see it"):
        tries.initech.run(HOLD, timeout=30).ok()
    tries.refused("a disk in use, said to be unmounted", "images/hole.raw", DAMAGED)
    with tries.checks.must("let go of and mounted again, it has what was written"):
        tries.initech.run(f"kill $(cat /tmp/held); mount -o noatime {DEVICE} /mnt/quota && ls /mnt/quota/held").ok()


def _tree_is_whole(tries):
    with tries.checks.check("every file of the tree is as it was, the filesystem clean, and the ledger right"):
        tries.initech.run("cd /mnt/quota/tree && sha256sum --quiet -c /root/tree.sum", timeout=180).ok()
        tries.unmount()
        tries.initech.run(f"e2fsck -fn {DEVICE}", timeout=120).ok()
        tries.ledger_is_right()


def _kept_is_whole(tries):
    """Of a disk of storage_corpus', which is not mounted."""
    held = tries.initech.run(f"mount -o ro {DEVICE} /mnt/quota && sha256sum < /mnt/quota/other/keep && umount /mnt/quota").ok().out
    expect_equal(held.split()[0], storage_corpus.digest_of_kept(), "checksum of what is nobody's image")


def _kinds(tries):
    tries.write(storage_corpus.kinds())
    for name in ("link", "block", "char", "pipe", "folder", "linked", "encrypted", "verity", "immutable", "inline", "no-extents", "unknown",
                 "petabyte", "sectors", "nothing"):
        tries.refused(f"an image that is {name}", f"images/{name}.raw", UNUSABLE)
    tries.refused("a way through a link", "through/keep", UNUSABLE)
    tries.refused("a way through a file", "images/good.raw/x", NOT_FOUND)
    # e2fsck does not take such a disk as good, whatever the image is.
    tries.refused("a good image beside those", "images/good.raw", DAMAGED)
    with tries.checks.check("what else is on that disk is as it was, and the ledger right"):
        _kept_is_whole(tries)
        tries.ledger_is_right()


def _damaged(tries):
    tries.write(storage_corpus.damaged())
    for name, what in (("huge", "extents past the disk's end"), ("loop", "a tree of extents that is its own child"),
                       ("metadata", "extents among the metadata"), ("free", "extents that are free"),
                       ("deep", "a tree of extents without a bottom"), ("gone", "an inode that was given back")):
        tries.refused(what, f"images/{name}.raw", DAMAGED)
    with tries.checks.check("what else is on that disk is as it was"):
        _kept_is_whole(tries)


def _whole_disks(tries):
    for what, packed in storage_corpus.not_taken(QUOTA_MIB).items():
        tries.write(packed)
        tries.refused(f"a disk that is {what}", "images/good.raw", DAMAGED)


def _past_the_reader(tries):
    tries.write(storage_corpus.shared())
    tries.refused("an image in another file's blocks", "images/mine.raw", DAMAGED)
    tries.write(storage_corpus.full(QUOTA_MIB))
    tries.refused("an image that is larger than what it frees", "images/most.raw", FULL)
    tries.refused("an image that is nearly all of the disk", "images/all.raw", FULL)
    with tries.checks.check("what else is on the full disk is as it was, and the ledger right"):
        _kept_is_whole(tries)
        tries.ledger_is_right()


def _header_in_a_raw_volume(tries):
    """CVE-2026-24708, and what it was built on: whoever asks a disk for its format is told by its guest."""
    l0, initech = tries.l0, tries.initech
    header = storage_corpus.qcow2_on("/etc/shadow", 64)
    with tries.checks.must("a raw volume gets a qcow2 header that names /etc/shadow, grows, and is raw as before"):
        initech.flatvm("volume", "create", "trap", "--size", "32MiB").ok()
        volume = initech.flatvm("volume", "attach", "trap", "--json").json()
        initech.run(f"cat > {volume['device']} && sync", stdin=header).ok()
        initech.flatvm("volume", "resize", "trap", "--size", "40MiB").ok()
        eventually(20, lambda: initech.run(f"blockdev --getsize64 {volume['device']}").out.strip() == str(40 << 20), "40 MiB in the guest")
        _is_raw(l0, "initech-primary")
        initech.flatvm("volume", "detach", "trap").ok()
        file = f"{TENANT}/volumes/{volume['id']}.raw"
        expect_equal(l0.run(f"stat -c %s {file}; head -c 3 {file}").ok().out, f"{40 << 20}\nQFI", "its file")
    with tries.checks.check("a secondary boots from it as from a raw disk"):
        initech.flatvm("create", "trap", "--volume", "trap", "--memory", "128MiB", "--vcpus", "1", timeout=180).ok()
        _is_raw(l0, "flatvm-initech.trap")
        initech.flatvm("destroy", "trap").ok()
    with tries.checks.check("so does a copy of it; deleted, nothing is left"):
        copy = initech.flatvm("volume", "clone", "trap", "copy", "--json").json()
        sums = l0.run(f"sha256sum {file} {TENANT}/volumes/{copy['id']}.raw").ok().out.split()
        expect_equal(sums[0], sums[2], "checksums")
        initech.flatvm("volume", "delete", "trap", "copy").ok()
        tries.ledger_is_right()


def _is_raw(l0, domain):
    """The tenant's disks of a running domain, by libvirt and by QEMU itself."""
    disks = [disk for disk in ElementTree.fromstring(l0.virsh("dumpxml", domain).ok().out).iter("disk")
             if disk.find("source").get("file").startswith(TENANT)]
    expect(disks, f"{domain} has no disk of the tenant's")
    for disk in disks:
        expect_equal(disk.find("driver").get("type"), "raw", f"format of {disk.find('source').get('file')}")
        expect_equal(disk.findall("backingStore/source"), [], "backing files")
    nodes = json.loads(l0.virsh("qemu-monitor-command", domain, '{"execute": "query-named-block-nodes"}').ok().out)["return"]
    mine = [node for node in nodes if TENANT in node["file"]]
    expect(mine, f"QEMU has no disk of the tenant's in {domain}")
    for node in mine:
        expect(node["drv"] in ("raw", "file"), f"a disk is {node['drv']}: {node['file']}")
        expect_equal(node.get("backing_file"), None, "backing file")


def _good_again(tries):
    with tries.checks.must("with a filesystem that is good, the disk serves as before: an image leaves it and its space comes back"):
        tries.wait_for_disk()
        tries.initech.run(f"mkfs.ext4 -q -F {DEVICE} && mount -o noatime {DEVICE} /mnt/quota && mkdir /mnt/quota/images && "
                          "head -c 3145728 /dev/urandom > /mnt/quota/images/good.raw && sync", timeout=120).ok()
        digest = tries.initech.run("sha256sum < /mnt/quota/images/good.raw").ok().out
        volume = tries.initech.flatvm("volume", "create", "good", "--from-disk", "images/good.raw", "--json", timeout=240).json()
        expect_equal(tries.l0.run(f"sha256sum < {TENANT}/volumes/{volume['id']}.raw").ok().out, digest, "checksum")
        expect_in("/mnt/quota", tries.initech.run("findmnt -no TARGET /mnt/quota").ok().out, "where it is mounted")
        tries.initech.flatvm("volume", "delete", "good").ok()
        eventually(20, lambda: tries.initech.run(f"blockdev --getsize64 {DEVICE}").out.strip() == str(QUOTA_MIB << 20), "its size")
        tries.ledger_is_right()


def _hidden(tries):
    """Without the port above it the guest's kernel hears nothing of a disk that is to go."""
    with tries.checks.must("the primary removes the disk's port from its own view"):
        before = tries.seen()
        tries.unmount()
        tries.initech.run(f"port=$({PORT}) && [ -e $port/remove ] && echo 1 > $port/remove && ! [ -e $port ]").ok()
    with tries.checks.check(f"a disk that is hidden: {KEEPS[1]}, and nothing has changed"):
        tries.take("images/good.raw").expect_error(*KEEPS)
        expect_equal(tries.seen(), before, "files and disks")
        tries.ledger_is_right()
    with tries.checks.must("found again by the guest, the disk can be taken and comes back"):
        tries.initech.run(f"echo 1 > /sys/bus/pci/rescan; until [ -b {DEVICE} ]; do sleep 0.1; done", timeout=60).ok()
        tries.take("images/none.raw").expect_error(*NOT_FOUND)
        tries.wait_for_disk()
        tries.initech.run(f"mount -o noatime {DEVICE} /mnt/quota").ok()
        expect_equal(tries.seen(), before, "files and disks")
