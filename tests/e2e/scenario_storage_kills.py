"""What tenants' disks promise of programs that are killed and of power that fails, on ext4, where an image's way has the most steps."""
import storage_kills


def run(l0, checks):
    storage_kills.run(l0, checks)
