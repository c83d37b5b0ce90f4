"""Volumes: filled by the primary, handed to secondaries without a copy, and counted to the MiB."""
import hashlib
import subprocess
import tempfile
import time
from pathlib import Path

from checks import eventually, expect, expect_equal, expect_in
from machines import TESTBED

FILES = "/var/lib/flatvm/tenants/acme/volumes"


def run(l0, checks):
    acme, globex = l0.primary("acme"), l0.primary("globex")
    before = acme.flatvm("tenant", "--json").json()["used"]["disk_mib"]
    _make(l0, checks, acme, globex, before)
    _fill(l0, checks, acme)
    _data_disk(l0, checks, acme)
    _boot(l0, checks, acme)
    _refusals(l0, checks, acme, before)
    _kept(l0, checks, acme)
    _killed(l0, checks, acme)
    _remove(l0, checks, acme, before)


def _used(acme):
    return acme.flatvm("tenant", "--json").json()["used"]["disk_mib"]


def _volume(acme, name):
    return acme.flatvm("volume", "show", name, "--json").json()


def _live_disks(l0):
    return [line.split()[1] for line in l0.virsh("domblklist", "acme-primary").ok().out.splitlines() if FILES in line]


def _defined_disks(l0):
    words = ("domblklist", "acme-primary", "--inactive")
    return [line.split()[1] for line in l0.virsh(*words).ok().out.splitlines() if FILES in line]


def _make(l0, checks, acme, globex, before):
    with checks.must("acme makes a volume: it counts, and costs the host nothing yet"):
        volume = acme.flatvm("volume", "create", "data", "--size", "64MiB", "--json").json()
        expect_equal([volume["state"], volume["size_mib"], volume["attached_to"]], ["ready", 64, ""], "volume")
        expect_equal(_used(acme) - before, 64, "MiB more in use")
        stat = l0.run(["stat", "-c", "%s %b %a %U", f"{FILES}/{volume['id']}.raw"]).ok().out.split()
        expect_equal([stat[0], stat[2], stat[3]], [str(64 << 20), "600", "root"], "size, mode and owner of its file")
        expect(int(stat[1]) < 64, f"{stat[1]} blocks are allocated")
    with checks.check("globex sees nothing of it"):
        expect_equal(globex.flatvm("volume", "list", "--json").json(), {"volumes": []}, "list")
        globex.flatvm("volume", "show", "data", "--json").expect_error("NOT_FOUND", "VOLUME_NOT_FOUND")
        globex.flatvm("volume", "attach", volume["id"], "--json").expect_error("NOT_FOUND", "VOLUME_NOT_FOUND")
    with checks.check("the operator sees whose it is"):
        listed = l0.flatvmctl("volume", "list", "--json").json()["volumes"]
        expect_equal([(item["tenant"], item["name"]) for item in listed], [("acme", "data")], "list")


def _fill(l0, checks, acme):
    with checks.must("the primary plugs it in while it runs, formats it and fills it"):
        start = time.monotonic()
        attached = acme.flatvm("volume", "attach", "data", "--json").json()
        print(f"     attached in {time.monotonic() - start:.1f} s as {attached['device']}", flush=True)
        expect_equal(attached["attached_to"], "primary", "attached to")
        expect_equal([len(_live_disks(l0)), len(_defined_disks(l0))], [1, 1], "disks of the running primary and of its definition")
        acme.run(f"mkfs.ext4 -q {attached['device']} && mkdir -p /mnt/data && mount {attached['device']} /mnt/data && "
                 "head -c 20000000 /dev/urandom > /mnt/data/file && sha256sum /mnt/data/file > /root/file.sum && sync").ok()
    with checks.check("a volume that is mounted is not unplugged"):
        error = acme.flatvm("volume", "detach", "data", "--json").expect_error("FAILED_PRECONDITION")
        expect_in("/mnt/data", error["message"], "message")
        expect_equal(len(_live_disks(l0)), 1, "disks")
    with checks.check("it grows under the primary"):
        acme.flatvm("volume", "resize", "data", "--size", "96MiB").ok()
        device = _volume(acme, "data")["device"]
        eventually(20, lambda: acme.run(f"blockdev --getsize64 {device}").out.strip() == str(96 << 20), "the guest sees 96 MiB")
        acme.run(f"resize2fs {device} && sha256sum -c /root/file.sum").ok()
    with checks.must("the primary lets go of it; then nobody has it"):
        start = time.monotonic()
        device = _volume(acme, "data")["device"]
        acme.run(f"umount /mnt/data && sha256sum < {device} | cut -d' ' -f1 > /root/volume.sum").ok()
        expect_equal(acme.flatvm("volume", "detach", "data", "--json").json()["attached_to"], "", "attached to")
        print(f"     detached in {time.monotonic() - start:.1f} s", flush=True)
        expect_equal([_live_disks(l0), _defined_disks(l0)], [[], []], "disks")


def _sum(acme, address, disk):
    return acme.get(f"http://{address}/cgi-bin/sum?{disk}", 60).ok().out.split()


def _wait_for(acme, vm):
    eventually(150, lambda: acme.get(f"http://{vm['address']}/").code == 0, f"{vm['name']} serves")


def _data_disk(l0, checks, acme):
    with checks.must("a secondary has it as a further disk, the same to the byte"):
        vm = acme.flatvm("create", "web", "--image", "tiny", "--memory", "128MiB", "--vcpus", "1", "--data-volume", "data",
                         "--json", timeout=180).json()
        expect_equal([vm["volume"], vm["data_volumes"]], ["", ["data"]], "volumes")
        expect_equal(_volume(acme, "data")["attached_to"], "web", "attached to")
        _wait_for(acme, vm)
        expect_equal(_sum(acme, vm["address"], "vdb"), [str(96 << 20), acme.run("cat /root/volume.sum").out.strip()], "vdb")
    with checks.check("meanwhile nobody else gets it, and it is not deleted"):
        for words in (["attach", "data"], ["detach", "data"], ["delete", "data"], ["clone", "data", "copy"],
                      ["resize", "data", "--size", "128MiB"]):
            acme.flatvm("volume", *words, "--json").expect_error("FAILED_PRECONDITION", "VOLUME_IN_USE")
        acme.flatvm("create", "other", "--image", "tiny", "--memory", "128MiB", "--vcpus", "1", "--data-volume", "data",
                    "--json").expect_error("FAILED_PRECONDITION", "VOLUME_IN_USE")
    with checks.must("after its destroy the volume is there, and free"):
        acme.flatvm("destroy", "web").ok()
        expect_equal(_volume(acme, "data")["attached_to"], "", "attached to")


def _boot(l0, checks, acme):
    with checks.must("the primary writes a bootable disk onto a volume, and a secondary boots from it"):
        with tempfile.TemporaryDirectory() as folder:
            disk = Path(folder) / "disk.raw"
            subprocess.run([str(TESTBED), "copy", "l0:/var/lib/flatvm/catalog/tiny-disk/disk.raw", str(disk)], check=True,
                           stdout=subprocess.DEVNULL)
            image = disk.read_bytes()
        acme.flatvm("volume", "create", "boot", "--size", "32MiB").ok()
        device = acme.flatvm("volume", "attach", "boot", "--json").json()["device"]
        acme.run(f"cat > {device} && sync", stdin=image, timeout=120).ok()
        read = acme.run(f"head -c {len(image)} {device} | sha256sum").ok().out.split()[0]
        expect_equal(read, hashlib.sha256(image).hexdigest(), "what was written")
        acme.flatvm("volume", "detach", "boot").ok()
        vm = acme.flatvm("create", "web", "--volume", "boot", "--memory", "128MiB", "--vcpus", "1", "--json", timeout=180).json()
        expect_equal([vm["image"], vm["volume"]], ["", "boot"], "image and volume")
        _wait_for(acme, vm)
    with checks.check("what it writes is on the volume when the next one boots from it"):
        mark = [line for line in acme.get(f"http://{vm['address']}/cgi-bin/disk").ok().out.splitlines() if line.startswith("wrote ")]
        acme.flatvm("destroy", "web").ok()
        vm = acme.flatvm("create", "web2", "--volume", "boot", "--memory", "128MiB", "--vcpus", "1", "--json", timeout=180).json()
        _wait_for(acme, vm)
        found = acme.get(f"http://{vm['address']}/cgi-bin/disk").ok().out
        expect_in(mark[0].replace("wrote ", "before "), found, "the last sector")
        acme.flatvm("destroy", "web2").ok()
    with checks.check("a clone is equal to the byte, and a volume of its own"):
        copy = acme.flatvm("volume", "clone", "boot", "boot2", "--json").json()
        boot = _volume(acme, "boot")
        sums = l0.run(f"sha256sum {FILES}/{boot['id']}.raw {FILES}/{copy['id']}.raw").ok().out.split()
        expect_equal(sums[0], sums[2], "checksums")
        acme.flatvm("volume", "delete", "boot").ok()
        expect_equal(sums[2], l0.run(f"sha256sum {FILES}/{copy['id']}.raw").ok().out.split()[0], "checksum of the clone")


def _refusals(l0, checks, acme, before):
    cases = [
        (["create", "data", "--size", "1MiB"], "ALREADY_EXISTS", "VOLUME_NAME_TAKEN", "name"),
        (["create", "Data", "--size", "1MiB"], "INVALID_ARGUMENT", "FIELD_MALFORMED", "name"),
        (["create", "big", "--size", "65TiB"], "INVALID_ARGUMENT", "FIELD_OUT_OF_RANGE", None),
        (["create", "big", "--size", "1TiB"], "RESOURCE_EXHAUSTED", "TENANT_DISK_LIMIT", None),
        (["clone", "none", "copy"], "NOT_FOUND", "VOLUME_NOT_FOUND", None),
        (["attach", "none"], "NOT_FOUND", "VOLUME_NOT_FOUND", None),
        (["resize", "data", "--size", "32MiB"], "INVALID_ARGUMENT", "FIELD_OUT_OF_RANGE", "size_mib"),
        (["resize", "data", "--size", "1TiB"], "RESOURCE_EXHAUSTED", "TENANT_DISK_LIMIT", None)]
    files = l0.run(["find", FILES]).ok().out
    for words, code, reason, field in cases:
        with checks.check(f"volume {' '.join(words)} is refused"):
            acme.flatvm("volume", *words, "--json").expect_error(code, reason, field)
    with checks.check("none of that left a trace, and the sum is right to the MiB"):
        expect_equal(l0.run(["find", FILES]).ok().out, files, "files")
        expect_equal(_used(acme) - before, 96 + 32, "MiB more in use")
        tenant = acme.flatvm("tenant", "--json").json()
        left = tenant["left"]["disk_mib"]
        expect_equal(left + tenant["used"]["disk_mib"], tenant["limits"]["disk_mib"], "used and left")
        expect_equal(acme.flatvm("volume", "create", "all", "--size", f"{left + 1}MiB", "--json").expect_error(
            "RESOURCE_EXHAUSTED", "TENANT_DISK_LIMIT")["left"], left, "left")
        acme.flatvm("volume", "create", "all", "--size", f"{left}MiB").ok()
        acme.flatvm("volume", "delete", "all").ok()


def _kept(l0, checks, acme):
    with checks.check("a guest that does not let go of a disk keeps it, and nothing changes"):
        acme.flatvm("volume", "attach", "data").ok()
        # Whose CPUs stand still, that guest hears nothing of an ejected device.
        l0.virsh("suspend", "acme-primary").ok()
        start = time.monotonic()
        done = l0.flatvmctl("tenant", "remove", "acme", "--delete-volumes", "--json")
        print(f"     given up after {time.monotonic() - start:.1f} s", flush=True)
        l0.virsh("resume", "acme-primary").ok()
        done.expect_error("FAILED_PRECONDITION", "PRIMARY_KEEPS_DISK")
        expect_equal(_volume(acme, "data")["attached_to"], "primary", "attached to")
        expect_equal(len(_defined_disks(l0)), 1, "disks of the primary's definition")
    with checks.must("when it lets go of it later, a further detach finds that"):
        eventually(30, lambda: not _live_disks(l0), "the guest hears of it")
        acme.flatvm("volume", "detach", "data").ok()
        expect_equal([_live_disks(l0), _defined_disks(l0)], [[], []], "disks")


def _killed(l0, checks, acme):
    with checks.check("kill -9 of flatvmd in the midst of changes: afterwards records, files and the primary agree"):
        acme.run("for n in 1 2 3 4 5 6; do flatvm volume create k$n --size 8MiB; flatvm volume attach k$n; flatvm volume detach k$n; "
                 "flatvm volume delete k$n; done > /root/killed 2>&1 & echo $! > /root/killed.pid").ok()
        for _ in range(3):
            time.sleep(3)
            l0.run(["systemctl", "kill", "-s", "KILL", "flatvmd"]).ok()
        eventually(120, lambda: acme.run("kill -0 $(cat /root/killed.pid)").code != 0, "the changes come to an end")
        eventually(60, lambda: acme.flatvm("volume", "list", "--json").code == 0, "flatvmd answers")
        volumes = acme.flatvm("volume", "list", "--json").json()["volumes"]
        files = l0.run(f"cd {FILES} && ls").ok().out.split()
        wanted = sorted(f"{volume['id']}.{end}" for volume in volumes for end in ("json", "raw"))
        expect_equal(sorted(files), wanted, "files")
        attached = sorted(f"{FILES}/{volume['id']}.raw" for volume in volumes if volume["attached_to"] == "primary")
        expect_equal(sorted(_live_disks(l0)), attached, "the running primary's disks")
        expect_equal(sorted(_defined_disks(l0)), attached, "disks of its definition")
        for volume in volumes:
            if volume["name"].startswith("k"):
                acme.flatvm("volume", "detach", volume["name"]).ok()
                acme.flatvm("volume", "delete", volume["name"]).ok()


def _remove(l0, checks, acme, before):
    with checks.check("a restart of the primary keeps its volumes plugged in"):
        acme.flatvm("volume", "attach", "data").ok()
        acme.power_off()
        eventually(100, lambda: l0.run("virsh domstate acme-primary").out.strip() == "shut off", "the primary is off")
        l0.run("virsh start acme-primary").ok()
        eventually(180, lambda: acme.flatvm("volume", "list", "--json").code == 0, "the primary is back")
        volume = _volume(acme, "data")
        expect_equal(volume["attached_to"], "primary", "attached to")
        acme.run(f"mount {volume['device']} /mnt/data && sha256sum -c /root/file.sum && umount /mnt/data").ok()
        acme.flatvm("volume", "detach", "data").ok()
    with checks.check("a tenant with volumes is not removed by accident"):
        l0.flatvmctl("tenant", "remove", "acme", "--json").expect_error("FAILED_PRECONDITION", "TENANT_HAS_VOLUMES")
    _delete(l0, checks, acme, before)


def _delete(l0, checks, acme, before):
    with checks.check("deleted, nothing of them is left and nothing counts"):
        acme.flatvm("volume", "delete", "data", "boot2").ok()
        expect_equal(l0.run(["find", FILES, "-type", "f"]).ok().out, "", "files")
        expect_equal(_used(acme), before, "MiB in use")
