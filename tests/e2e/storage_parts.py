"""The parts of the storage scenarios, which differ in the filesystem that /var/lib/flatvm is on.

ext4 has all of it. Of the other filesystems, only what is another way there: where nothing is asked of the host's filesystem but a sparse
file, a second run would cost minutes and find nothing new.
"""
import storage_host
import storage_hostile
import storage_quota
import storage_return
import storage_uploads
import storage_volumes


def run_all(l0, checks, filesystem):
    storage_host.put_state_on(l0, checks, filesystem)
    storage_host.check(l0, checks, filesystem)
    storage_volumes.run(l0, checks)
    storage_uploads.run(l0, checks)
    initech = storage_quota.run(l0, checks)
    storage_return.run(l0, checks, initech)
    storage_hostile.run(l0, checks, initech)
    storage_quota.remove(l0, checks, initech)


def run_what_differs(l0, checks, filesystem):
    storage_host.put_state_on(l0, checks, filesystem)
    storage_host.check(l0, checks, filesystem)
    initech = storage_quota.run(l0, checks)
    storage_return.run(l0, checks, initech)
    storage_hostile.run_past_the_reader(l0, checks, initech)
    storage_quota.remove(l0, checks, initech)
