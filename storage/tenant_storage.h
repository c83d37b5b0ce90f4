// Port: catalog images and the files of a tenant's secondaries. The real one is file_storage.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/types.h"

namespace flatvm::storage {

// The operator's files are readable for QEMU's user; a tenant's are root's alone, until libvirt
// makes them QEMU's for the first domain that has one.
enum class DiskOwner { kOperator, kTenant };

struct ImageDisk {
  std::string path;  // absolute
  base::DiskFormat format = base::DiskFormat::kRaw;
  uint32_t size_mib = 0;  // virtual size, rounded up to whole MiB
  DiskOwner owner = DiskOwner::kOperator;
  std::string sha256;  // of the file, 64 lower-case hexadecimal digits; empty: not known
};

struct ImageKernel {
  std::string kernel_path;  // absolute
  std::string initrd_path;  // absolute; empty: none
  std::string cmdline;
};

// One of the operator's images, /var/lib/flatvm/catalog/<name>/image.json, which has a disk, a
// kernel, or both; or a tenant's own, which has a disk.
struct CatalogImage {
  std::string name;
  std::string description;
  uint32_t min_memory_mib = 0;
  std::optional<ImageDisk> disk;
  std::optional<ImageKernel> kernel;
};

// A secondary's files.
struct VmFiles {
  std::string disk_path;    // absolute, qcow2; empty: the image has no disk
  std::string console_log;  // absolute
};

// Thread-safe; every call blocks on the disk.
class TenantStorage {
 public:
  virtual ~TenantStorage() = default;

  // Errors: INVALID_ARGUMENT naming "spec.image" if it is no name; NOT_FOUND / kImageNotFound;
  // FAILED_PRECONDITION / kImageUnusable when image.json is wrong (its text says where).
  virtual absl::StatusOr<CatalogImage> GetImage(const std::string& name) = 0;

  // Every image of the catalog that can be used, by name.
  virtual absl::StatusOr<std::vector<CatalogImage>> ListCatalog() = 0;

  // The directory of a tenant; OK if it is there.
  virtual absl::Status EnsureTenant(const std::string& tenant) = 0;
  // Removes it and all below; OK if it is not there.
  virtual absl::Status RemoveTenant(const std::string& tenant) = 0;

  // Where the files of a secondary are or would be; touches nothing.
  virtual VmFiles FilesOf(const std::string& tenant, const std::string& vm_id,
                          const CatalogImage& image) = 0;

  // Makes the secondary's directory and, if the image has a disk, a copy-on-write layer of
  // `disk_mib` (virtual) on it. Leaves nothing behind on failure.
  virtual absl::StatusOr<VmFiles> CreateVmFiles(const std::string& tenant, const std::string& vm_id,
                                                const CatalogImage& image, uint32_t disk_mib) = 0;

  // Removes the secondary's directory; OK if it is not there.
  virtual absl::Status RemoveVmFiles(const std::string& tenant, const std::string& vm_id) = 0;

  // Ids of the secondaries that have files.
  virtual absl::StatusOr<std::vector<std::string>> ListVmFiles(const std::string& tenant) = 0;
};

}  // namespace flatvm::storage
