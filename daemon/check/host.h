// Port: a host, as somebody may look at it who wants to know what it can do. The real one is
// linux_host.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/subprocess.h"

namespace flatvm::check {

// What the filesystem of a directory can do, by trying it.
struct FilesystemFacts {
  std::string type;            // as mount(8) calls it, such as "xfs"
  bool direct_io = false;      // O_DIRECT, which VMs' disks need
  bool shares_blocks = false;  // FICLONE
  bool shifts_blocks = false;  // FALLOC_FL_COLLAPSE_RANGE and FALLOC_FL_INSERT_RANGE
};

struct SpaceFacts {
  uint64_t free_bytes = 0;   // for root's daemons, without reserved blocks
  uint64_t taken_bytes = 0;  // by the directory's files; blocks that files share count for each
};

// As they call themselves, such as "9.0.0".
struct HypervisorVersions {
  std::string libvirt;
  std::string qemu;
};

// Why not; OK: it can be.
struct NetworkFacts {
  absl::Status bridge;    // making one
  absl::Status guard;     // having the kernel take its programs
  absl::Status ceilings;  // the same with meters
};

enum class Use { kFind, kExecute };

// Changes nothing that outlives a call. Thread-compatible; every call but IsRoot blocks.
class Host {
 public:
  virtual ~Host() = default;

  virtual bool IsRoot() = 0;

  virtual bool Has(const std::string& path, Use use) = 0;

  // A small file. Errors: NOT_FOUND without a Reason; INTERNAL.
  virtual absl::StatusOr<std::string> ReadFile(const std::string& path) = 0;

  // argv[0] is an absolute path. Errors: those of base::RunProgram.
  virtual absl::StatusOr<base::ProgramResult> Run(const std::vector<std::string>& argv) = 0;

  // Makes a VM without anything in it. Errors: NOT_FOUND without a Reason if there is no KVM;
  // INTERNAL.
  virtual absl::Status TryKvm() = 0;

  // Errors: NOT_FOUND without a Reason if `directory` is not there; INTERNAL, also if it cannot be
  // written to.
  virtual absl::StatusOr<FilesystemFacts> TryFilesystem(const std::string& directory) = 0;

  // What `directory`'s filesystem has left, and what the files below `counted`, which need not be
  // there, take. Errors: INTERNAL.
  virtual absl::StatusOr<SpaceFacts> MeasureSpace(const std::string& directory,
                                                  const std::string& counted) = 0;

  virtual NetworkFacts TryNetwork() = 0;

  // Errors: UNAVAILABLE / kHypervisorUnavailable; INTERNAL.
  virtual absl::StatusOr<HypervisorVersions> AskLibvirt(const std::string& uri) = 0;
};

}  // namespace flatvm::check
