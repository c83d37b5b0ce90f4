"""What a tenant's own disks promise, on XFS: an image leaves a quota disk, and a volume is cloned, by sharing blocks."""
import storage_parts


def run(l0, checks):
    storage_parts.run_what_differs(l0, checks, "xfs")
