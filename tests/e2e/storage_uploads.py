"""Own images: sent by the primary, cut off and gone on with, booted from, the same to the byte; what is hostile leaves nothing."""
import re
import subprocess
import tempfile
import time
from pathlib import Path

from checks import eventually, expect, expect_equal, expect_in
from machines import TESTBED

TENANT = "/var/lib/flatvm/tenants/acme"
FILES = f"{TENANT}/images"
BOOT_MIB, BIG_MIB, HOLE_MIB = 20, 64, 256  # of tiny-disk; with random bytes behind it; of a file that is a hole
WRITE_MIB = 4  # a second, while an import is to be cut off
IMPORT = "flatvm image import /root/big.raw"
# What is written where into a good qcow2 image, and what is said of it.
HOSTILE = {
    "a backing file": (8, "\\0\\0\\0\\0\\0\\0\\4\\0\\0\\0\\0\\13", "must not have a backing file"),
    "a data file": (79, "\\4", "must not have an external data file"),
    "an unknown feature": (74, "\\1", "an incompatible feature that is not known"),
    "a giant L1 table": (36, "\\177\\377\\377\\377", "has an L1 table whose length does not fit its size"),
    "a giant refcount table": (56, "\\177\\377\\377\\377", "has a refcount table of an unacceptable length"),
    "version 2": (7, "\\2", "must be qcow2 version 3"),
    "encryption": (35, "\\1", "must not be encrypted"),
    "internal snapshots": (63, "\\1", "must not have internal snapshots"),
    "a size without end": (24, "\\177\\377", "must have a virtual size"),
}


def run(l0, checks):
    acme, globex = l0.primary("acme"), l0.primary("globex")
    before = _used(acme)
    _prepare(l0, checks, acme)
    _cut_off(l0, checks, acme, before)
    _go_on(l0, checks, acme, before)
    _boot(l0, checks, acme, before)
    _qcow2(l0, checks, acme, before)
    _refusals(l0, checks, acme, globex)
    _remove(l0, checks, acme, before)


def _used(acme):
    return acme.flatvm("tenant", "--json").json()["used"]["disk_mib"]


def _own(acme):
    images = acme.flatvm("image", "list", "--json").json()["images"]
    return {image["name"]: image for image in images if image["source"] == "own"}


def _file(acme, name):
    return f"{FILES}/{_own(acme)[name]['id']}.image"


def _sum(machine, path):
    return machine.run(f"sha256sum < {path}", timeout=180).ok().out.split()[0]


def _sizes(l0, acme, before):
    """What is counted is what the files may have, in whole MiB, and what secondaries' disks are."""
    images = _own(acme)
    vms = acme.flatvm("list", "--json").json()["vms"]
    counted = sum((image["size_bytes"] + (1 << 20) - 1) >> 20 for image in images.values()) + sum(vm["disk_mib"] for vm in vms)
    tenant = acme.flatvm("tenant", "--json").json()
    expect_equal(tenant["used"]["disk_mib"] - before, counted, "MiB more in use")
    expect_equal(tenant["used"]["disk_mib"] + tenant["left"]["disk_mib"], tenant["limits"]["disk_mib"], "used and left")
    wanted = sorted(f"{image['id']}.{end}" for image in images.values() for end in ("image", "json"))
    expect_equal(sorted(l0.run(f"ls {FILES}").out.split()), wanted, "files")
    for image in images.values():
        length = int(l0.run(["stat", "-c", "%s", f"{FILES}/{image['id']}.image"]).ok().out)
        expect(image["received_bytes"] <= length <= image["size_bytes"], f"{image['name']}: {length} bytes, listed as {image}")


def _copy_in(l0_path, acme, path):
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / "disk"
        subprocess.run([str(TESTBED), "copy", f"l0:{l0_path}", str(disk)], check=True, stdout=subprocess.DEVNULL)
        acme.run(f"cat > {path}", stdin=disk.read_bytes(), timeout=240).ok()


def _prepare(l0, checks, acme):
    with checks.must("acme's primary has a bootable raw image, and a qcow2 of the same disk"):
        disk = "/var/lib/flatvm/catalog/tiny-disk/disk.raw"
        l0.run(f"qemu-img convert -f raw -O qcow2 {disk} /root/web.qcow2", timeout=120).ok()
        _copy_in(disk, acme, "/root/web.raw")
        _copy_in("/root/web.qcow2", acme, "/root/web.qcow2")
        acme.run(f"(cat /root/web.raw; head -c $(({BIG_MIB - BOOT_MIB} * 1048576)) /dev/urandom) > /root/big.raw", timeout=180).ok()
        expect_equal(acme.run("stat -c %s /root/big.raw").ok().out.strip(), str(BIG_MIB << 20), "bytes")


def _cut_off(l0, checks, acme, before):
    # So that there is a midst; the bytes are the tenant's I/O.
    l0.flatvmctl("tenant", "set", "acme", "--write-bps", f"{WRITE_MIB}MiB").ok()
    with checks.must("an import that is killed in the midst keeps what arrived, counted in full"):
        acme.run(f"{IMPORT} > /root/import.out 2>&1 & echo $! > /root/import.pid").ok()
        eventually(120, lambda: 0 < _own(acme).get("big", {}).get("received_bytes", 0) < BIG_MIB << 20, "some of it is there", pause=0)
        units = l0.run("systemctl list-units --plain --no-legend 'flatvm-import-*'").out.split()
        acme.run("kill -9 $(cat /root/import.pid)").ok()
        expect(units, "no worker runs")
        image = _own(acme)["big"]
        expect_equal(image["state"], "importing", "state")
        expect(0 < image["received_bytes"] < BIG_MIB << 20, f"it was not in the midst: {image}")
        _sizes(l0, acme, before)
    with checks.check("its bytes were written in the tenant's slice, by a user of its own"):
        unit = l0.run(["systemctl", "show", "-p", "ControlGroup,Slice,DynamicUser", units[0]]).out
        expect_in("flatvm-acme.slice", unit + units[0], "unit")
    with checks.check("what is half there is nobody's disk, and its name is taken"):
        _create(acme, "half", "big", "--json").expect_error("FAILED_PRECONDITION", "IMAGE_INCOMPLETE")
        acme.flatvm("image", "import", "/root/web.raw", "--name", "big", "--json").expect_error("ALREADY_EXISTS", "IMAGE_EXISTS")
    with checks.check("kill -9 of flatvmd loses nothing of it"):
        received = _own(acme)["big"]["received_bytes"]
        l0.run(["systemctl", "kill", "-s", "KILL", "flatvmd"]).ok()
        eventually(60, lambda: acme.flatvm("image", "list", "--json").code == 0, "flatvmd answers")
        expect(_own(acme)["big"]["received_bytes"] >= received, "less is there than before")
        _sizes(l0, acme, before)


def _go_on(l0, checks, acme, before):
    with checks.must("the same command goes on where it was, also across a restart of flatvmd in the midst"):
        received = _own(acme)["big"]["received_bytes"]
        acme.run(f"{IMPORT} > /root/import.out 2> /root/import.err & echo $! > /root/import.pid").ok()
        eventually(120, lambda: _own(acme)["big"]["received_bytes"] > received, "it goes on", pause=0)
        l0.run(["systemctl", "restart", "flatvmd"], timeout=120).ok()
        eventually(240, lambda: acme.run("kill -0 $(cat /root/import.pid)").code != 0, "the import ends")
        shown = acme.run("cat /root/import.out /root/import.err").ok().out
        expect_in("ready", shown, "output")
        first = re.search(r"sending: (\d+)%", shown)
        expect(first and int(first.group(1)) > 0, f"it began anew: {shown}")
        expect_equal(_own(acme)["big"]["state"], "ready", "state")
        _sizes(l0, acme, before)
    l0.flatvmctl("tenant", "set", "acme", "--write-bps", "none").ok()
    with checks.check("on the host it is the same to the byte, and root's alone"):
        expect_equal(_sum(l0, _file(acme, "big")), _sum(acme, "/root/big.raw"), "SHA-256")
        expect_equal(_own(acme)["big"]["sha256"], _sum(acme, "/root/big.raw"), "SHA-256 as listed")
        expect_equal(l0.run(["stat", "-c", "%a %U", _file(acme, "big")]).ok().out.split(), ["600", "root"], "mode and owner")
    with checks.check("imported again, nothing is sent"):
        start = time.monotonic()
        done = acme.run(f"{IMPORT} 2>&1", timeout=120).ok()
        print(f"     {time.monotonic() - start:.1f} s", flush=True)
        expect("sending" not in done.out, done.out)


def _create(acme, name, image, *words):
    return acme.flatvm("create", name, "--image", image, "--memory", "128MiB", "--vcpus", "1", *words, timeout=180)


def _serves(acme, vm):
    eventually(150, lambda: acme.get(f"http://{vm['address']}/").code == 0, f"{vm['name']} serves")


def _boot(l0, checks, acme, before):
    with checks.must("a secondary boots from it, and writes to a layer of its own"):
        vm = _create(acme, "web", "big", "--json").json()
        image = _own(acme)["big"]
        expect_equal([vm["image"], vm["image_id"], vm["disk_mib"]], ["big", image["id"], BIG_MIB], "secondary")
        _sizes(l0, acme, before)
        _serves(acme, vm)
        acme.get(f"http://{vm['address']}/cgi-bin/disk", 60).ok()
        expect_equal(_sum(l0, _file(acme, "big")), _sum(acme, "/root/big.raw"), "SHA-256")
    with checks.check("its file is the VM's user's, for nobody else to read"):
        owner = l0.run(["stat", "-c", "%a %U", _file(acme, "big")]).ok().out.split()
        expect_equal(owner, ["600", "libvirt-qemu"], "mode and owner")
    with checks.check("meanwhile it is not removed, and the error names who has it"):
        error = acme.flatvm("image", "remove", "big", "--json").expect_error("FAILED_PRECONDITION", "IMAGE_IN_USE")
        expect_in("\"web\"", error["message"], "message")
    with checks.check("several secondaries share it"):
        _create(acme, "web2", "big").ok()
        _sizes(l0, acme, before)
        acme.flatvm("destroy", "web", "web2").ok()
        expect_equal(_sum(l0, _file(acme, "big")), _sum(acme, "/root/big.raw"), "SHA-256")
        _sizes(l0, acme, before)


def _qcow2(l0, checks, acme, before):
    with checks.must("a qcow2 image counts with its file, its secondary's disk with what it holds, and boots"):
        image = acme.flatvm("image", "import", "/root/web.qcow2", "--json", timeout=240).json()
        expect_equal([image["state"], image["format"], image["disk_mib"]], ["ready", "qcow2", BOOT_MIB], "image")
        _sizes(l0, acme, before)
        vm = _create(acme, "qc", "web", "--json").json()
        _serves(acme, vm)
        _sizes(l0, acme, before)
        acme.flatvm("destroy", "qc").ok()
    with checks.check("a hole takes no place and little time"):
        acme.run(f"truncate -s {HOLE_MIB}M /root/hole.raw").ok()
        start = time.monotonic()
        acme.flatvm("image", "import", "/root/hole.raw", timeout=240).ok()
        print(f"     {HOLE_MIB} MiB in {time.monotonic() - start:.1f} s", flush=True)
        expect_equal(l0.run(["stat", "-c", "%s", _file(acme, "hole")]).ok().out.strip(), str(HOLE_MIB << 20), "bytes")
        blocks = int(l0.run(["stat", "-c", "%b", _file(acme, "hole")]).ok().out)
        expect(blocks < 64, f"{blocks} blocks are allocated")
        acme.flatvm("image", "remove", "hole").ok()
        _sizes(l0, acme, before)


def _refusals(l0, checks, acme, globex):
    files, used = l0.run(["find", TENANT]).ok().out, _used(acme)
    for what, (offset, octal, text) in HOSTILE.items():
        with checks.check(f"a qcow2 image with {what} is refused with its reason"):
            acme.run(f"cp /root/web.qcow2 /root/bad.qcow2 && printf '{octal}' | dd of=/root/bad.qcow2 bs=1 seek={offset} conv=notrunc "
                     "status=none").ok()
            error = acme.flatvm("image", "import", "/root/bad.qcow2", "--json", timeout=180).expect_error(
                "FAILED_PRECONDITION", "IMAGE_UNUSABLE")
            expect_in(text, error["message"], "message")
    cases = [
        (["/root/web.qcow2", "--format", "raw", "--name", "liar"], "FAILED_PRECONDITION", "IMAGE_UNUSABLE"),
        (["/root/web.raw", "--format", "qcow2", "--name", "liar"], "FAILED_PRECONDITION", "IMAGE_UNUSABLE"),
        (["/root/odd.raw"], "FAILED_PRECONDITION", "IMAGE_UNUSABLE"),
        (["/root/none.raw"], "NOT_FOUND", "IMAGE_NOT_FOUND"),
        (["/root"], "INVALID_ARGUMENT", "FIELD_MISSING"),
        (["/root/web.raw", "--name", "tiny"], "ALREADY_EXISTS", "IMAGE_EXISTS"),
        (["/root/web.raw", "--name", "Web"], "INVALID_ARGUMENT", "FIELD_MALFORMED"),
        (["/root/huge.raw", "--validate-only"], "RESOURCE_EXHAUSTED", "TENANT_DISK_LIMIT")]
    acme.run("head -c 1000 /root/web.raw > /root/odd.raw; truncate -s 1T /root/huge.raw").ok()
    for words, code, reason in cases:
        with checks.check(f"image import {' '.join(words)} is refused"):
            acme.flatvm("image", "import", *words, "--json", timeout=180).expect_error(code, reason)
    with checks.check("none of that left anything"):
        expect_equal(l0.run(["find", TENANT]).ok().out, files, "files")
        expect_equal(_used(acme), used, "MiB in use")
    with checks.check("globex sees nothing of acme's images, and the operator sees whose they are"):
        expect_equal(_own(globex), {}, "globex' images")
        globex.flatvm("image", "remove", _own(acme)["big"]["id"], "--json").expect_error("NOT_FOUND", "IMAGE_NOT_FOUND")
        _create(globex, "web", "big", "--json").expect_error("NOT_FOUND", "IMAGE_NOT_FOUND")
        listed = l0.flatvmctl("image", "list", "--own", "--json").json()["images"]
        expect_equal([(image["tenant"], image["name"]) for image in listed], [("acme", "big"), ("acme", "web")], "list")
        expect_equal(l0.flatvmctl("image", "list", "--tenant", "globex", "--json").json(), {"images": []}, "globex' list")


def _remove(l0, checks, acme, before):
    with checks.check("a tenant with images is not removed by accident"):
        l0.flatvmctl("tenant", "remove", "acme", "--json").expect_error("FAILED_PRECONDITION", "TENANT_HAS_VOLUMES")
    with checks.check("removed, nothing of them is left, nothing counts, and no worker runs"):
        acme.flatvm("image", "remove", "big", "web").ok()
        expect_equal(l0.run(["find", FILES, "-type", "f"]).ok().out, "", "files")
        expect_equal(_used(acme), before, "MiB in use")
        eventually(40, lambda: not l0.run("systemctl list-units --plain --no-legend 'flatvm-import-*'").out.strip(), "workers end")
