"""The quick way for a developer: new packages into what runs already, without new images."""
import copying
import primaries
from lanes import in_primary
from report import TestbedError, say, step

_INSTALL = ("DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold -i /var/tmp/flatvm-deploy/*.deb "
            "&& rm -r /var/tmp/flatvm-deploy")


def deploy(lanes, built):
    with step("host packages installed, flatvmd and the fronts restarted"):
        _copy(lanes, built.host)
        lanes.demand(["sh", "-c", _INSTALL], "installing the built packages", timeout=300)
        # A front outlives flatvmd by design; here it must not, or the old program would go on serving.
        lanes.demand(["sh", "-c", "systemctl stop 'flatvm-front*'; systemctl restart flatvmd.service"], "restarting flatvmd",
                     timeout=90)
    names = lanes.demand(["virsh", "list", "--name"], "listing domains").split()
    for name in primaries.NAMES:
        if f"{name}-primary" not in names:
            say(f"{name}-primary is shut off: it keeps its packages until the next `testbed up`")
            continue
        with step(f"guest packages installed in {name}-primary"):
            for path in built.guest:
                words = in_primary(name, ["sh", "-c", 'mkdir -p "${0%/*}" && cat > "$0"', f"/var/tmp/flatvm-deploy/{path.name}"])
                lanes.demand(words, "copying a package", stdin=path.read_bytes())
            lanes.demand(in_primary(name, ["sh", "-c", _INSTALL], stdin=False), "installing in a primary", timeout=300)
    if lanes.run(["flatvmctl", "tenant", "list", "--json"]).returncode != 0:
        raise TestbedError("flatvmctl does not answer: see `testbed logs --unit flatvmd`")


def _copy(lanes, paths):
    for path in paths:
        copying.to_l0(lanes, path, f"/var/tmp/flatvm-deploy/{path.name}")
