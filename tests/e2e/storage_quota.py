"""The quota disk: an image that the primary put there becomes a volume and a secondary's disk, and nothing else changes."""
import subprocess
import tempfile
import time
from pathlib import Path

from checks import eventually, expect, expect_equal, expect_in
from machines import TESTBED

TENANT = "/var/lib/flatvm/tenants/initech"
QUOTA_MIB, BUDGET_MIB = 512, 1024
ADD = ["tenant", "add", "initech", "--primary", "initech-primary", "--memory", "2GiB", "--vcpus", "4", "--vms", "4", "--disk",
       f"{BUDGET_MIB}MiB", "--quota-disk", f"{QUOTA_MIB}MiB", "--json"]
DEVICE = "/dev/disk/by-id/virtio-flatvm-quota"
# 500 files of all sizes and depths, with a checksum of each: what is nobody's image stays as it is.
TREE = """
mkdir -p /mnt/quota/tree /mnt/quota/images && cd /mnt/quota/tree && perl -e '
  open my $random, "<", "/dev/urandom" or die;
  for my $i (0..499) {
    my $folder = "d" . $i % 23;
    mkdir $folder;
    mkdir $folder .= "/e" . $i % 7;
    read $random, my $bytes, $i * 37 % 9000;
    open my $file, ">", "$folder/f$i" or die;
    print $file $bytes;
  }' &&
find . -type f | sort | xargs sha256sum > /root/tree.sum && wc -l < /root/tree.sum
"""


def run(l0, checks):
    """Leaves initech with a mounted quota disk that has the tree, and returns its primary."""
    initech = l0.primary("initech")
    with checks.must("initech has a quota disk: in its primary, by serial, with an empty ext4"):
        tenant = l0.flatvmctl(*ADD, timeout=60).json()
        l0.run("virsh start initech-primary").ok()
        eventually(240, lambda: initech.flatvm("tenant", "--json").code == 0, "initech's flatvm tenant")
        expect_equal([tenant["quota_disk_mib"], tenant["used"]["disk_mib"]], [QUOTA_MIB, QUOTA_MIB], "quota disk and disk in use")
        initech.run(f"mkdir -p /mnt/quota && mount -o noatime {DEVICE} /mnt/quota").ok()
        expect_equal(initech.run("ls /mnt/quota").ok().out.split(), ["lost+found"], "files")
        expect_sizes(l0, initech)
    with checks.must("the primary fills it: a tree of 500 files and a bootable image"):
        expect_equal(initech.run(TREE, timeout=300).ok().out.strip(), "500", "files")
        initech.run("cat > /mnt/quota/images/web.raw", stdin=bootable(), timeout=180).ok()
        initech.run("sha256sum < /mnt/quota/images/web.raw > /root/web.sum && sync").ok()
    with checks.must("the image becomes a volume of the same bytes, and the disk smaller by its size"):
        start = time.monotonic()
        volume = initech.flatvm("volume", "create", "web", "--from-disk", "images/web.raw", "--json", timeout=300).json()
        print(f"     {volume['size_mib']} MiB in {time.monotonic() - start:.1f} s", flush=True)
        expect_equal([volume["state"], volume["quota_mib"]], ["ready", volume["size_mib"]], "volume")
        file = f"{TENANT}/volumes/{volume['id']}.raw"
        expect_equal(l0.run(f"sha256sum < {file}").ok().out.split()[0], initech.run("cat /root/web.sum").out.split()[0], "checksum")
        expect_equal(l0.run(["stat", "-c", "%a %U", file]).ok().out.split(), ["600", "root"], "mode and owner of its file")
        expect_sizes(l0, initech)
    with checks.check("the disk is mounted again where and how it was, without the image, and its filesystem is clean"):
        expect_in("noatime", initech.run("findmnt -no OPTIONS /mnt/quota").ok().out, "mount options")
        expect_equal(initech.run("ls /mnt/quota/images").ok().out, "", "images")
        initech.run("cd /mnt/quota/tree && sha256sum --quiet -c /root/tree.sum", timeout=180).ok()
        initech.run(f"umount /mnt/quota && e2fsck -fn {DEVICE} && mount -o noatime {DEVICE} /mnt/quota", timeout=120).ok()
    with checks.check("a clone of it has the same bytes"):
        clone = initech.flatvm("volume", "clone", "web", "copy", "--json", timeout=120).json()
        files = [f"{TENANT}/volumes/{one['id']}.raw" for one in (volume, clone)]
        expect_equal(l0.run(["cmp", *files]).ok().out, "", "difference")
        initech.flatvm("volume", "delete", "copy").ok()
        expect_sizes(l0, initech)
    with checks.check("a secondary boots from it"):
        vm = initech.flatvm("create", "web", "--volume", "web", "--memory", "128MiB", "--vcpus", "1", "--json", timeout=180).json()
        eventually(150, lambda: initech.get(f"http://{vm['address']}/").code == 0, "web serves")
        initech.flatvm("destroy", "web").ok()
    with checks.check("deleted, it gives its space back to the disk, which grows under the primary"):
        initech.flatvm("volume", "delete", "web").ok()
        eventually(20, lambda: initech.run(f"blockdev --getsize64 {DEVICE}").out.strip() == str(QUOTA_MIB << 20), "the guest sees it")
        initech.run(f"resize2fs {DEVICE}", timeout=120).ok()
        expect_sizes(l0, initech)
    _refusals(l0, checks, initech)
    return initech


def remove(l0, checks, initech):
    with checks.check("a tenant goes with its quota disk, when that is asked for"):
        initech.run("umount /mnt/quota").ok()
        l0.flatvmctl("tenant", "remove", "initech", "--json").expect_error("FAILED_PRECONDITION", "TENANT_HAS_VOLUMES")
        l0.flatvmctl("tenant", "remove", "initech", "--delete-volumes", "--restart", timeout=240).ok()
        expect(l0.run(["ls", TENANT]).code != 0, f"{TENANT} is still there")


def bootable():
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / "disk.raw"
        subprocess.run([str(TESTBED), "copy", "l0:/var/lib/flatvm/catalog/tiny-disk/disk.raw", str(disk)], check=True,
                       stdout=subprocess.DEVNULL)
        return disk.read_bytes()


def expect_sizes(l0, initech):
    """The files' lengths are what is counted, to the byte; an image's own length counts in whole MiB."""
    tenant = initech.flatvm("tenant", "--json").json()
    volumes = initech.flatvm("volume", "list", "--json").json()["volumes"]
    quota = int(l0.run(["stat", "-c", "%s", f"{TENANT}/quota.raw"]).ok().out)
    expect_equal(quota, tenant["quota_disk_mib"] << 20, "bytes of the quota disk")
    expect_equal(quota + sum(volume["size_mib"] << 20 for volume in volumes), tenant["used"]["disk_mib"] << 20, "bytes in use")
    expect_equal(tenant["used"]["disk_mib"] + tenant["left"]["disk_mib"], BUDGET_MIB, "used and left")
    for volume in volumes:
        bytes_ = int(l0.run(["stat", "-c", "%s", f"{TENANT}/volumes/{volume['id']}.raw"]).ok().out)
        expect_equal((bytes_ + (1 << 20) - 1) >> 20, volume["size_mib"], f"MiB of {volume['name']}")
    expect_equal(l0.run(f"ls {TENANT} | grep -c new").out.strip(), "0", "files that are half made")
    live = l0.virsh("domblklist", "initech-primary").ok().out
    expect_in(f"{TENANT}/quota.raw", live, "disks of the running primary")


def _refusals(l0, checks, initech):
    initech.run("cd /mnt/quota/images && truncate -s 4M hole.raw && truncate -s 511 odd.raw && : > empty.raw && ln -s hole.raw link.raw && "
                "mkdir folder.raw && head -c 8192 /dev/zero > linked.raw && ln linked.raw second.raw && mkfifo fifo.raw && "
                "printf 'QFI\\373\\0\\0\\0\\003' > qcow.raw && truncate -s 65536 qcow.raw && sync").ok()
    cases = [("none.raw", "NOT_FOUND", "IMAGE_NOT_FOUND"), ("odd.raw", "FAILED_PRECONDITION", "IMAGE_UNUSABLE"),
             ("empty.raw", "FAILED_PRECONDITION", "IMAGE_UNUSABLE"), ("link.raw", "FAILED_PRECONDITION", "IMAGE_UNUSABLE"),
             ("folder.raw", "FAILED_PRECONDITION", "IMAGE_UNUSABLE"), ("linked.raw", "FAILED_PRECONDITION", "IMAGE_UNUSABLE"),
             ("fifo.raw", "FAILED_PRECONDITION", "IMAGE_UNUSABLE"), ("qcow.raw", "FAILED_PRECONDITION", "IMAGE_UNUSABLE")]
    for name, code, reason in cases:
        with checks.check(f"an image that is {name.split('.', maxsplit=1)[0]} is refused, and the disk is back"):
            initech.flatvm("volume", "create", "bad", "--from-disk", f"images/{name}", "--json", timeout=180).expect_error(code, reason)
            initech.run("findmnt /mnt/quota").ok()
    with checks.check("a disk that is in use stays mounted, and the error says where"):
        initech.run("sleep 100 < /mnt/quota/images/hole.raw & echo $! > /tmp/busy").ok()
        error = initech.flatvm("volume", "create", "bad", "--from-disk", "images/hole.raw", "--json").expect_error(
            "FAILED_PRECONDITION", "PRIMARY_KEEPS_DISK")
        expect_in("/mnt/quota", error["message"], "message")
        initech.run("kill $(cat /tmp/busy)").ok()
    with checks.check("none of that changed anything"):
        initech.run("cd /mnt/quota/tree && sha256sum --quiet -c /root/tree.sum", timeout=180).ok()
        expect_equal(initech.flatvm("volume", "list", "--json").json(), {"volumes": []}, "volumes")
        expect_sizes(l0, initech)
