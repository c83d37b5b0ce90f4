// Port: disks that are plugged into a primary while it runs, and out again. The real one is libvirt
// (libvirt_primary_disks.h), tests have a fake.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::hypervisor {

// A raw file as a virtio disk.
struct PrimaryDisk {
  std::string path;    // absolute; what tells the disks of a primary apart
  std::string serial;  // [a-z0-9-]{1,20}: its guest finds it as /dev/disk/by-id/virtio-<serial>

  bool operator==(const PrimaryDisk&) const = default;
};

// Thread-safe; two changes to one primary at a time are the caller's to prevent. Every call blocks
// on libvirtd. Errors of every call: UNAVAILABLE / kHypervisorUnavailable; NOT_FOUND /
// kPrimaryNotDefined; INTERNAL with libvirt's text (for the journal only).
class PrimaryDisks {
 public:
  virtual ~PrimaryDisks() = default;

  // Plugs `disk` in: in the running instance, if there is one, and in the persistent definition, so
  // that it is there after a restart. What is there already is not plugged in again. Leaves nothing
  // behind on failure. Errors: also FAILED_PRECONDITION / kPrimaryHasNoSlot if no PCIe port is
  // free.
  virtual absl::Status Attach(const std::string& uuid, const PrimaryDisk& disk) = 0;

  // Puts `disk` into the persistent definition only: for a running instance without a port for it,
  // which has it from its next start. What is there already is not put in again.
  virtual absl::Status AttachToDefinition(const std::string& uuid, const PrimaryDisk& disk) = 0;

  // Takes it out of both again, and returns once neither has it: the hypervisor no longer has the
  // file open, whatever libvirt answered first. OK if neither had it, or the primary is not defined
  // any more. Errors: also FAILED_PRECONDITION / kPrimaryKeepsDisk if the guest has not let go of
  // it after `timeout`; then both still have it, but the request stands: the guest may let go of it
  // at any time, which a further call finds.
  virtual absl::Status Detach(const std::string& uuid, const std::string& path,
                              std::chrono::milliseconds timeout) = 0;

  // Tells the running instance, if there is one and it has the disk, that the file is `size_bytes`
  // large, a multiple of 512. The file must be so large already: the hypervisor would cut a larger
  // one.
  virtual absl::Status AnnounceSize(const std::string& uuid, const std::string& path,
                                    uint64_t size_bytes) = 0;

  // Paths of all disks with a file that the running instance has; empty if it does not run.
  virtual absl::StatusOr<std::vector<std::string>> ListLive(const std::string& uuid) = 0;
};

}  // namespace flatvm::hypervisor
