"""Writes initramfs archives (cpio "newc") without cpio."""
import os
import stat
from pathlib import Path


class Archive:
    def __init__(self):
        self._out = bytearray()
        self._seen = set()
        self._inode = 1

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        fields = [self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(name) + 1, 0]
        self._inode += 1
        self._out += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        self._out += b"\0" * (-len(self._out) % 4)
        self._out += data
        self._out += b"\0" * (-len(self._out) % 4)

    def folder(self, name, mode=0o755):
        name = name.strip("/")
        if name in self._seen or not name:
            return
        self.folder(str(Path(name).parent) if "/" in name else "")
        self._seen.add(name)
        self._entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        name = name.strip("/")
        self.folder(str(Path(name).parent) if "/" in name else "")
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        name = name.strip("/")
        self.folder(str(Path(name).parent) if "/" in name else "")
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor, mode=0o600):
        self._entry(name.strip("/"), stat.S_IFCHR | mode, rdev=(major, minor))

    def tree(self, source, below=""):
        """All of a folder; an executable file stays executable, everything belongs to root."""
        for path in sorted(Path(source).rglob("*")):
            name = f"{below}/{path.relative_to(source)}"
            if path.is_symlink():
                self.link(name, os.readlink(path))
            elif path.is_dir():
                self.folder(name)
            elif path.is_file():
                self.file(name, path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)

    def finish(self):
        self._entry("TRAILER!!!", 0)
        return bytes(self._out) + b"\0" * (-len(self._out) % 512)
