"""Where things are: the checkout, the cache that checkouts share, and each instance's own folders."""
import hashlib
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
PACKAGES = CHECKOUT / "build" / "packages"


def cache_root():
    named = os.environ.get("FLATVM_TESTBED_CACHE")
    if named:
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flatvm-testbed"


class Instance:
    """One L0. Instances of one checkout differ by name, instances of two checkouts by the checkout's path."""

    def __init__(self, name="default"):
        self.name = name
        self.id = hashlib.sha256(f"{CHECKOUT}\0{name}".encode()).hexdigest()[:10]
        # Sockets live here: their paths must fit into 107 bytes.
        base = os.environ.get("FLATVM_TESTBED_RUN") or "/tmp"
        self.run = Path(base) / f"flatvm-testbed-{self.id}"
        # The disk overlay can grow, so it is kept off a /tmp that may be memory.
        self.state = cache_root() / "instances" / self.id
        self.qmp = self.run / "qmp.sock"
        self.pid_file = self.run / "qemu.pid"
        self.about = self.run / "about.json"
        self.serial_log = self.state / "l0-serial.log"
        self.disk = self.state / "disk.qcow2"
        self.state_disk = self.state / "state.raw"

    def make(self):
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.state.mkdir(parents=True, exist_ok=True)
