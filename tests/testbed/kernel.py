"""The one kernel of all levels: found in L0's root, with its modules in the order in which they must be loaded."""
from report import TestbedError


class Kernel:
    def __init__(self, root):
        images = sorted((root / "boot").glob("vmlinuz-*"))
        if not images:
            raise TestbedError(f"no kernel in {root}/boot: linux-image-cloud-amd64 is missing from l0.packages")
        self.image = images[-1]
        self.release = self.image.name.removeprefix("vmlinuz-")
        self.modules = root / "usr/lib/modules" / self.release
        self._depends = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, _, needs = line.partition(":")
            self._depends[path] = needs.split()
        self._by_name = {_name(path): path for path in self._depends}
        builtin = (self.modules / "modules.builtin").read_text().split()
        self._builtin = {_name(path) for path in builtin}

    def load_order(self, names):
        """The module files to load, each after what it needs; built-in ones are left out."""
        order = []

        def visit(path):
            for need in reversed(self._depends[path]):
                visit(need)
            if path not in order:
                order.append(path)

        for name in names:
            name = name.replace("-", "_")
            if name in self._by_name:
                visit(self._by_name[name])
            elif name not in self._builtin:
                raise TestbedError(f"kernel {self.release} has no module {name}")
        return [self.modules / path for path in order]


def _name(path):
    return path.rsplit("/", 1)[-1].removesuffix(".ko").replace("-", "_")
