"""What a tenant's own disks promise, on ext4: no blocks are shared there, and an image leaves a quota disk by what is around it being
cut away."""
import storage_parts


def run(l0, checks):
    storage_parts.run_all(l0, checks, "ext4")
