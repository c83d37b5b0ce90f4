"""Debian packages: what this machine lacks, what the built ones are, and lists of them."""
import gzip
import hashlib
import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from places import HERE
from report import TestbedError, run


def read_list(path):
    words = []
    for line in path.read_text().splitlines():
        words += line.split("#")[0].split()
    return words


def require_machine_packages():
    wanted = read_list(HERE / "packages")
    found = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${db:Status-Abbrev}\n", *wanted],
                           capture_output=True, text=True, check=False).stdout
    have = {line.split()[0] for line in found.splitlines() if line.split()[1:2] == ["ii"]}
    missing = [name for name in wanted if name not in have]
    if missing:
        raise TestbedError("these packages are missing on this machine:\n  apt-get install -y --no-install-recommends "
                           + " ".join(missing))


class Built:
    """The project's own packages in a folder, newest file of each name."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.host, self.guest = [], []
        files = sorted(self.folder.glob("*.deb"), key=lambda path: path.stat().st_mtime) if self.folder.is_dir() else []
        newest = {path.name.split("_")[0]: path for path in files}
        for name, path in sorted(newest.items()):
            if name.endswith(("-dev", "-dbgsym")):
                continue
            if name.startswith("flatvm-host"):
                self.host.append(path)
            elif name.startswith("flatvm-guest"):
                self.guest.append(path)
        if bool(self.host) != bool(self.guest):
            raise TestbedError(f"{folder} has only one of flatvm-host*.deb and flatvm-guest*.deb: build both")

    def __bool__(self):
        return bool(self.host)

    def depends(self, paths):
        names = set()
        for path in paths:
            for field in ("Depends", "Pre-Depends"):
                text = run(["dpkg-deb", "-f", str(path), field], "reading a package")
                names |= {re.split(r"[ (|:]", item.strip())[0] for item in text.split(",") if item.strip()}
        return sorted(name for name in names if not name.startswith("flatvm"))


def content_key(paths):
    """Equal for two builds of the same content: names, modes, bytes and control files count, times do not."""
    digest = hashlib.sha256()
    for path in paths:
        for what in ("--fsys-tarfile", "--ctrl-tarfile"):
            raw = subprocess.run(["dpkg-deb", what, str(path)], capture_output=True, check=True).stdout
            with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
                for member in sorted(archive.getmembers(), key=lambda member: member.name):
                    digest.update(f"{member.name}\0{member.mode:o}\0{member.linkname}\0".encode())
                    if member.isfile():
                        data = archive.extractfile(member).read()
                        digest.update(gzip.decompress(data) if member.name.endswith(".gz") else data)
    return digest.hexdigest()[:16]


def install_into(root, paths):
    """Installs built packages into a root that is not running."""
    stage = root / "var/tmp/flatvm-packages"
    stage.mkdir(parents=True)
    for path in paths:
        shutil.copy(path, stage)
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    names = [f"/var/tmp/flatvm-packages/{path.name}" for path in paths]
    run(["chroot", str(root), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
         "dpkg", "-i", *names], "installing the built packages into the primary's image")
    policy.unlink()
    shutil.rmtree(stage)
