"""Secondaries made of an image on the quota disk in one step, and images that go back there as the files that they were."""
from checks import eventually, expect, expect_equal, expect_in
from storage_quota import DEVICE, QUOTA_MIB, TENANT, bootable, expect_sizes

IMAGE = "/mnt/quota/images/app.raw"
CREATE = ["create", "app", "--from-disk", "images/app.raw", "--memory", "128MiB", "--vcpus", "1", "--json"]
QEMU = "/usr/bin/qemu-system-x86_64"


def run(l0, checks, initech):
    """Takes and leaves initech with a mounted quota disk that has the tree."""
    with checks.must("an image lies on the quota disk"):
        initech.run(f"cat > {IMAGE}", stdin=bootable(), timeout=180).ok()
        before = _sum(initech)
    _fails(l0, checks, initech, before)
    with checks.must("flatvm create --from-disk makes a secondary of it, and its disk is its own"):
        app = initech.flatvm(*CREATE, timeout=300).json()
        expect_equal([app["state"], app["volume"], app["from_quota_disk"]], ["running", "app", "images/app.raw"], "secondary")
        volume = initech.flatvm("volume", "show", "app", "--json").json()
        expect_equal([volume["made_for"], volume["attached_to"]], ["app", "app"], "its volume")
        expect_in("move", [stage["stage"] for stage in app["stages"]], "stages")
        initech.run(f"findmnt /mnt/quota && ! ls {IMAGE}").ok()
        expect_sizes(l0, initech)
        eventually(150, lambda: initech.get(f"http://{app['address']}/").code == 0, "app serves")
        initech.flatvm("volume", "delete", "app", "--json").expect_error("FAILED_PRECONDITION", "VOLUME_IN_USE")
    with checks.check("where something lies in its way it does not go back, and the secondary runs on"):
        initech.run(f"echo taken > {IMAGE}").ok()
        initech.flatvm("destroy", "app", "--return-disk", "--json", timeout=120).expect_error("FAILED_PRECONDITION", "QUOTA_PATH_UNUSABLE")
        expect_equal(initech.get(f"http://{app['address']}/").code, 0, "app serves")
        initech.run(f"findmnt /mnt/quota && rm {IMAGE}").ok()
    with checks.must("flatvm destroy --return-disk puts it back to its path, with what it holds by then"):
        eventually(60, lambda: initech.get(f"http://{app['address']}/cgi-bin/disk").code == 0, "app writes to its disk")
        l0.virsh("destroy", "flatvm-initech.app").ok()  # so that nobody writes to what is compared
        last = l0.run(f"sha256sum < {TENANT}/volumes/{volume['id']}.raw").ok().out.split()[0]
        initech.flatvm("destroy", "app", "--return-disk", timeout=300).ok()
        expect_equal(_sum(initech), last, "checksum")
        expect_equal(initech.run(["stat", "-c", "%a %U", IMAGE]).ok().out.split(), ["600", "root"], "mode and owner")
        expect_equal(initech.flatvm("list", "--json").json(), {"vms": []}, "secondaries")
        _expect_whole(l0, initech)
    with checks.check("a volume goes back in the same way, and the next image leaves a disk that has had both"):
        initech.flatvm("volume", "create", "app", "--from-disk", "images/app.raw", timeout=300).ok()
        expect_sizes(l0, initech)
        initech.flatvm("volume", "delete", "app", "--return-disk", timeout=300).ok()
        expect_equal(_sum(initech), last, "checksum")
        _expect_whole(l0, initech)
    with checks.check("without --return-disk the disk goes with the secondary, and the quota disk has its space again"):
        initech.flatvm(*CREATE, timeout=300).ok()
        initech.flatvm("destroy", "app", timeout=120).ok()
        expect_equal(initech.flatvm("volume", "list", "--json").json(), {"volumes": []}, "volumes")
        expect(initech.run(["ls", IMAGE]).code != 0, "the image is there")
        eventually(20, lambda: initech.run(f"blockdev --getsize64 {DEVICE}").out.strip() == str(QUOTA_MIB << 20), "the guest sees it")
        initech.run(f"resize2fs {DEVICE}", timeout=120).ok()
        expect_sizes(l0, initech)
    with checks.check("what never was on the quota disk does not go there"):
        initech.flatvm("volume", "create", "plain", "--size", "4MiB").ok()
        initech.flatvm("volume", "delete", "plain", "--return-disk", "--json").expect_error("FAILED_PRECONDITION", "NOT_FROM_QUOTA_DISK")
        initech.flatvm("volume", "delete", "plain").ok()
        initech.run("findmnt /mnt/quota").ok()


def _sum(initech):
    return initech.run(f"sha256sum < {IMAGE}", timeout=120).ok().out.split()[0]


def _expect_whole(l0, initech):
    """The disk has its first size again, is clean, and its other files are as they were."""
    expect_sizes(l0, initech)
    expect_equal(initech.run(f"blockdev --getsize64 {DEVICE}").ok().out.strip(), str(QUOTA_MIB << 20), "size of the disk")
    initech.run("cd /mnt/quota/tree && sha256sum --quiet -c /root/tree.sum", timeout=180).ok()
    initech.run(f"umount /mnt/quota && e2fsck -fn {DEVICE} && mount -o noatime {DEVICE} /mnt/quota", timeout=120).ok()


def _fails(l0, checks, initech, before):
    with checks.check("a create that is refused leaves the image where it is"):
        large = ["64GiB" if word == "128MiB" else word for word in CREATE]
        initech.flatvm(*large, timeout=120).expect_error("RESOURCE_EXHAUSTED", "TENANT_MEMORY_LIMIT")
        expect_equal(_sum(initech), before, "checksum")
        expect_equal(initech.flatvm(*CREATE, "--validate-only").json()["volume"], "app", "volume that would be")
        expect_equal(_sum(initech), before, "checksum")
    with checks.check("one that fails behind the move puts the image back"):
        l0.run(["mv", QEMU, f"{QEMU}.away"]).ok()
        try:
            done = initech.flatvm(*CREATE, timeout=300)
        finally:
            l0.run(["mv", f"{QEMU}.away", QEMU]).ok()
        expect(done.code != 0, "it was made without QEMU")
        expect_equal(_sum(initech), before, "checksum")
        expect_equal(initech.flatvm("volume", "list", "--json").json(), {"volumes": []}, "volumes")
        expect_equal(initech.flatvm("list", "--json").json(), {"vms": []}, "secondaries")
        _expect_whole(l0, initech)
