"""Sniffers in L0, at the host's end of machines' NICs, and at the world outside."""
import contextlib
import re

from checks import eventually, expect

FOLDER = "/run/sniff"


def packets(l0, name, wanted):
    """What was seen at `name`, behind `sniffing`, of what tcpdump's filter wants: a line each."""
    return l0.run(["tcpdump", "-n", "-r", f"{FOLDER}/{name}", wanted], timeout=60).ok().out


def tap(l0, domain, mac):
    """The host's end of a domain's NIC."""
    for line in l0.virsh("domiflist", domain).ok().out.splitlines():
        words = line.split()
        if len(words) == 5 and words[4].lower() == mac:
            return words[0]
    expect(False, f"{domain} has no NIC {mac}")


@contextlib.contextmanager
def sniffing(l0, places):
    """Sniffs at {name: command prefix and interface}, such as ([], "vnet0"); gives a function: what was seen there, in
    hexadecimal, by name. To be called once, when all was sent.
    """
    l0.run(["mkdir", "-p", FOLDER]).ok()
    units = {name: f"sniff-{name}" for name in places}
    for name, (prefix, interface) in places.items():
        l0.run(["rm", "-f", f"{FOLDER}/{name}"])
        l0.run(["systemd-run", "-q", "--unit", units[name], *prefix, "tcpdump", "--immediate-mode", "-U", "-n", "-p", "-s", "0",
                "-Z", "root", "-i", interface, "-w", f"{FOLDER}/{name}"]).ok()
    for name in places:
        # The file has its header once it listens.
        eventually(30, lambda path=f"{FOLDER}/{name}": l0.run(["test", "-s", path]).code == 0, f"tcpdump at {name}")

    def seen():
        found = {}
        # What came last may be in the kernel's buffer still, and is lost when tcpdump is told to end: it writes a packet at
        # once, so files that have not grown for two seconds have all of it, and after ten in any case.
        size = f"$(du -bs {FOLDER})"
        l0.run(f'for try in 1 2 3 4 5; do before="{size}"; sleep 2; [ "$before" = "{size}" ] && break; done; true', timeout=60).ok()
        for name in places:
            l0.run(["systemctl", "stop", units[name]])
            dump = l0.run(f"od -An -v -tx1 {FOLDER}/{name} | tr -d ' \\n'", timeout=120).ok().out
            found[name] = re.sub(r"\s", "", dump)
        return found

    try:
        yield seen
    finally:
        l0.run(["systemctl", "stop", *units.values()])
