"""What tenants' disks promise of programs that are killed and of power that fails, on ext4, where an image's way has the most steps."""
import storage_kills

KILLS = ["out.decided", "back.swapped", "create.disk", "worker.out.moved", "front.answered"]
CUTS = ["out.swapped", "back.decided"]


def run(l0, checks):
    storage_kills.run(l0, checks, "ext4", KILLS, CUTS, power_cut="out.disk-moved")
