"""The same as storage_xfs on btrfs, which shares blocks, too, but has checksums and no device number.

Not of ./check: tests/e2e/run storage_btrfs.
"""
import storage_parts


def run(l0, checks):
    storage_parts.run_what_differs(l0, checks, "btrfs")
