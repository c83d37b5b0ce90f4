"""The same as storage_kills on XFS, where an image leaves its disk while the primary lets go of it."""
import storage_kills

KILLS = ["out.made", "worker.out.shrunk"]
CUTS = ["out.synced"]
IN_PLACE = ["out.disk-moved", "out.cutting", "out.cut"]


def run(l0, checks):
    storage_kills.run(l0, checks, "xfs", KILLS, CUTS, absent=IN_PLACE)
