"""The host's package over its life: an upgrade disturbs nobody, a removal leaves VMs running, a purge only takes what is nobody's."""
import subprocess
from pathlib import Path

from checks import eventually, expect, expect_equal, expect_in
from machines import TESTBED

PACKAGES = Path(__file__).resolve().parents[2] / "build/packages"
DEB = "/root/flatvm-host.deb"
UNITS = ["flatvmd.service", "flatvmd.socket", "flatvmd-admin.socket"]
STATE = "/var/lib/flatvm"
VMS = {"acme-primary", "globex-primary", "flatvm-acme.web"}


def run(l0, checks):
    acme = l0.primary("acme")
    with checks.must("the package is in L0, and acme has a secondary"):
        built = sorted(PACKAGES.glob("flatvm-host_*.deb"))
        expect(built, f"no flatvm-host package in {PACKAGES}: ./check package makes it")
        subprocess.run([str(TESTBED), "copy", str(built[-1]), DEB], check=True, stdout=subprocess.DEVNULL)
        acme.flatvm("create", "web", "--image", "tiny", "--memory", "192MiB", "--vcpus", "1", timeout=180).ok()
    _upgraded(l0, checks, acme)
    _removed(l0, checks)
    _purged(l0, checks)
    _installed_again(l0, checks, acme)
    _purged_for_good(l0, checks)


def _pid(l0, unit):
    return l0.run(["systemctl", "show", "-P", "MainPID", unit]).ok().out.strip()


def _dpkg(l0, *words):
    return l0.run(["dpkg", *words], timeout=180).ok()


def _upgraded(l0, checks, acme):
    with checks.check("an upgrade restarts flatvmd alone: VMs and fronts go on"):
        front, daemon = _pid(l0, "flatvm-front-acme.service"), _pid(l0, "flatvmd.service")
        _dpkg(l0, "-i", DEB)
        expect(_pid(l0, "flatvmd.service") not in ("0", daemon), "flatvmd was not restarted")
        eventually(60, lambda: acme.flatvm("show", "web", "--json").code == 0, "show")
        expect_equal(_pid(l0, "flatvm-front-acme.service"), front, "the front's process")
        expect(VMS <= l0.domains(), lambda: f"running domains: {l0.domains()}")
    with checks.check("its units are enabled and active, its files as tight as they should be"):
        for word, wanted in (("is-enabled", "enabled"), ("is-active", "active")):
            expect_equal(l0.run(["systemctl", word, *UNITS]).out.split(), [wanted] * len(UNITS), word)
        modes = l0.run(["stat", "-c", "%a %U %n", STATE, "/run/flatvm/admin.sock"]).ok().out.splitlines()
        expect_equal(modes, [f"711 root {STATE}", "600 root /run/flatvm/admin.sock"], "modes")


def _removed(l0, checks):
    with checks.check("a removal warns of tenants, and leaves their VMs running and their records where they are"):
        expect_in("tenants remain", _dpkg(l0, "-r", "flatvm-host").err, "what dpkg says")
        expect(VMS <= l0.domains(), lambda: f"running domains: {l0.domains()}")
        l0.run(["test", "-e", f"{STATE}/tenants/acme/tenant.json"]).ok()


def _purged(l0, checks):
    with checks.check("a purge takes the configuration, but no tenant's records"):
        _dpkg(l0, "-P", "flatvm-host")
        expect(l0.run(["test", "-e", "/etc/flatvm"]).code != 0, "/etc/flatvm is still there")
        l0.run(["test", "-e", f"{STATE}/tenants/acme/tenant.json"]).ok()


def _installed_again(l0, checks, acme):
    with checks.must("installed again, it knows its tenants and their secondaries"):
        _dpkg(l0, "-i", DEB)
        eventually(60, lambda: acme.flatvm("show", "web", "--json").code == 0, "show")
        expect_equal(acme.flatvm("show", "web", "--json").json()["state"], "running", "state")


def _purged_for_good(l0, checks):
    with checks.must("both tenants are removed"):
        l0.flatvmctl("tenant", "remove", "acme", "--destroy-secondaries").ok()
        l0.flatvmctl("tenant", "remove", "globex").ok()
    with checks.check("a purge without tenants leaves the catalog and nothing else"):
        _dpkg(l0, "-P", "flatvm-host")
        expect_equal(l0.run(["ls", "-A", STATE]).ok().out.split(), ["catalog"], STATE)
        found = l0.run("find /etc/systemd /var/lib/systemd/deb-systemd-helper-* -name 'flatvm*'").out
        expect_equal(found.strip(), "", "units' links")
        expect({"acme-primary", "globex-primary"} <= l0.domains(), lambda: f"running domains: {l0.domains()}")
