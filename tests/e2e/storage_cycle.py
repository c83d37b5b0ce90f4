"""An image's ways between the quota disk, a volume and a secondary, with a program that stops at a named step on the way."""
import re
from collections import namedtuple

from checks import CheckFailed, eventually, expect, expect_equal
from storage_quota import ADD, DEVICE, TENANT, TREE, expect_sizes

IMAGE = "/mnt/quota/images/one.raw"
COPY = "/root/one.raw"  # in the primary
IMAGE_MIB, HEAD_MIB = 32, 26
FILLER = "/mnt/quota/filler"
# What the image is, by what a way begins and ends with: a file on the disk, a volume, a secondary's disk, or deleted.
Way = namedtuple("Way", "words start end")
WAYS = {
    "out": Way(["volume", "create", "one", "--from-disk", "images/one.raw"], "file", "volume"),
    "back": Way(["volume", "delete", "one", "--return-disk"], "volume", "file"),
    "delete": Way(["volume", "delete", "one"], "volume", "gone"),
    "create": Way(["create", "one", "--from-disk", "images/one.raw", "--memory", "128MiB", "--vcpus", "1"], "file", "vm"),
    "destroy": Way(["destroy", "one", "--return-disk"], "vm", "file"),
}
# flatvmd reads it whenever it starts. A host without power starts nothing.
STOP_AT, POWER_OFF = "/run/flatvm-stop-at", "/run/flatvm-power-is-off"
DROP_IN = f"""
mkdir -p /run/systemd/system/flatvmd.service.d
printf '[Unit]\\nConditionPathExists=!{POWER_OFF}\\n[Service]\\nEnvironmentFile=-{STOP_AT}\\n' > /run/systemd/system/flatvmd.service.d/steps.conf
systemctl daemon-reload
"""
# It plugs quota disks in before it serves.
START_AGAIN = """systemctl stop flatvmd.service; systemctl start --no-block flatvmd.service
until systemctl -q is-active flatvmd.service; do
  pid=$(systemctl show -P MainPID flatvmd.service)
  if [ "$pid" != 0 ] && grep -q '^State:.T' "/proc/$pid/status"; then kill -CONT "$pid"; fi
  sleep 0.1
done"""
UNITS = {"flatvmd": "flatvmd.service", "flatvm-quota": "flatvm-quota-initech.service", "flatvm-front": "flatvm-front-initech.service"}
SOCKETS = "flatvmd.socket flatvmd-admin.socket"
# No power: neither flatvmd with all of its programs, nor VMs that have a file of the disk that is cut.
DIE = f"""
touch {POWER_OFF}
systemctl kill -s KILL flatvmd.service 'flatvm-quota-*.service' 'flatvm-front-*.service'
systemctl stop {SOCKETS} flatvmd.service 'flatvm-front-*.service'
for domain in $(virsh -q list --name); do
  if virsh dumpxml "$domain" | grep -q /var/lib/flatvm/tenants/; then virsh -q destroy "$domain"; fi
done
"""


def way_of(step):
    """The way on which this step is passed."""
    words = step.removeprefix("worker.").split(".")
    return WAYS.get(words[0], WAYS["out"])  # plug.* and front.* are on all of them


class Cycle:
    """initech with a quota disk, on which an image lies between other files."""

    def __init__(self, l0):
        self.l0, self.initech = l0, l0.primary("initech")

    def prepare(self):
        self.l0.run(DROP_IN).ok()
        self.l0.flatvmctl(*ADD, timeout=60).ok()
        self.start_primary()
        self.mount()
        self.initech.run(TREE, timeout=300).ok()
        # It is no disk that anything boots from: a secondary's firmware reads it and stays there.
        self.initech.run(f"head -c {IMAGE_MIB}M /dev/urandom > {COPY}", timeout=120).ok()
        self._write_image()
        self._sum = self.initech.run(f"sha256sum < {COPY}", timeout=60).ok().out

    def _write_image(self):
        """Its end lies before its beginning, so that a part of it is copied where the rest is cut out."""
        part = f"dd if={COPY} of={IMAGE} bs=1M conv=notrunc status=none"
        self.initech.run(f"head -c {HEAD_MIB}M /dev/zero > {FILLER} && sync && {part} skip={HEAD_MIB} seek={HEAD_MIB} && sync && "
                         f"{part} count={HEAD_MIB} && sync && rm {FILLER} && sync", timeout=120).ok()
        shown = self.l0.run(f"debugfs -R 'stat images/one.raw' {TENANT}/quota.raw").ok().out
        starts = [int(start) for start in re.findall(r"\(\d+-\d+\):(\d+)-\d+", shown)]
        expect(starts != sorted(starts), lambda: f"the image's extents lie in its order: {shown}")

    def start_primary(self):
        if self.l0.virsh("domstate", "initech-primary").ok().out.strip() != "running":
            self.l0.run("virsh -q start initech-primary", timeout=120).ok()
        eventually(240, lambda: self.initech.flatvm("tenant", "--json").code == 0, "initech's flatvm tenant")

    def mount(self):
        self.initech.run(f"until [ -b {DEVICE} ]; do sleep 0.1; done; mkdir -p /mnt/quota; "
                         f"findmnt /mnt/quota || mount -o noatime {DEVICE} /mnt/quota", timeout=60).ok()

    def place(self):
        """What the image is now: one of these, and no other."""
        self.mount()
        vms = self.initech.flatvm("list", "--json").json()["vms"]
        volumes = self.initech.flatvm("volume", "list", "--json").json()["volumes"]
        files = self.initech.run(["ls", "/mnt/quota/images"]).ok().out.split()
        expect_equal([volume["state"] for volume in volumes if volume["state"] != "ready"], [], "states of volumes")
        expect(len(volumes) + len(files) <= 1, lambda: f"the image is in two places: {volumes}, {files}")
        if files:
            expect_equal(vms, [], "secondaries beside the file")
            return "file"
        if not volumes:
            return "gone"
        return "vm" if vms else "volume"

    def bring_to(self, wanted):
        for _ in range(4):
            place = self.place()
            if place == wanted:
                return
            if place == "gone":
                self.initech.run(f"resize2fs {DEVICE}", timeout=120).ok()
                self._write_image()
                continue
            way = next((way for way in WAYS.values() if (way.start, way.end) == (place, wanted)), None)
            self.take(way or next(way for way in WAYS.values() if (way.start, way.end) == (place, "file"))).ok()
        raise CheckFailed(f"the image does not come to be {wanted}")

    def take(self, way):
        return self.initech.flatvm(*way.words, "--json", "--timeout", "150s", timeout=240)

    def expect_whole(self, place):
        """Records, files and disks agree, nothing is left over, and every byte is what it was."""
        expect_sizes(self.l0, self.initech)
        expect_equal(self.l0.run(f"find {TENANT} -name '*new*' -o -name '*.strays'").ok().out, "", "files that are half made")
        self.initech.run(f"umount /mnt/quota && e2fsck -fn {DEVICE}", timeout=120).ok()
        self.mount()
        self.initech.run("cd /mnt/quota/tree && sha256sum --quiet -c /root/tree.sum", timeout=180).ok()
        if place == "file":
            expect_equal(self.initech.run(f"sha256sum < {IMAGE}", timeout=60).ok().out, self._sum, "checksum of the file")
        elif place != "gone":
            volume = self.initech.flatvm("volume", "show", "one", "--json").json()
            expect_equal(self.l0.run(f"sha256sum < {TENANT}/volumes/{volume['id']}.raw").ok().out, self._sum, "checksum of the volume")

    def arm(self, step, program):
        """Who passes this step from now on stops there; but not as flatvmd starts."""
        self.l0.run(f"echo FLATVM_STOP_AT={step} > {STOP_AT} && {START_AGAIN}", timeout=180).ok()
        if program == "flatvm-front":  # the one that runs knows nothing of it
            self.l0.run(["systemctl", "stop", UNITS[program]]).ok()
            eventually(30, lambda: self.l0.run(["systemctl", "is-active", UNITS[program]]).code == 0, "another front runs")

    def wait_until_stopped(self, program, command):
        """Of a future that runs the command."""
        look = (f"for i in $(seq 40); do pid=$(systemctl show -P MainPID {UNITS[program]}); "
                "if [ $pid != 0 ] && grep -q '^State:.T' /proc/$pid/status; then exit 0; fi; sleep 0.1; done; exit 1")
        for _ in range(20):
            if self.l0.run(look).code == 0:
                return
            expect(not command.done(), lambda: f"it was not stopped: {command.result()}")
        raise CheckFailed(f"{program} did not stop within a minute and a half")

    def disarm(self):
        self.l0.run(["rm", "-f", STOP_AT]).ok()

    def kill(self, program):
        """SIGKILL; who is started again stops nowhere, but for workers: restart()."""
        self.disarm()
        if program == "flatvm-front":  # flatvmd would have the next one stop, too
            self.restart()
        self.l0.run(["systemctl", "kill", "-s", "KILL", UNITS[program]]).ok()

    def restart(self):
        self.l0.run(["systemctl", "restart", "flatvmd.service"], timeout=180).ok()

    def cut_power(self):
        """Of the disk that /var/lib/flatvm is on, and of all that uses it."""
        self.l0.run("/usr/local/lib/flatvm-testbed/state-cut lose").ok()
        self.disarm()
        self.initech.run("pkill -KILL -x flatvm")
        self.l0.run(DIE, timeout=180)
        self.l0.run("/usr/local/lib/flatvm-testbed/state-cut mend", timeout=60).ok()
        self.l0.run(f"rm {POWER_OFF} && systemctl reset-failed && systemctl start {SOCKETS} flatvmd.service", timeout=60).ok()
        eventually(60, lambda: self.l0.flatvmctl("tenant", "list").code == 0, "flatvmd answers")
        self.start_primary()

    def calm(self):
        """After a check that failed: nobody stands still."""
        self.disarm()
        self.l0.run("systemctl kill -s KILL flatvmd.service 'flatvm-quota-*.service'")
        eventually(60, lambda: self.l0.flatvmctl("tenant", "list").code == 0, "flatvmd answers")
