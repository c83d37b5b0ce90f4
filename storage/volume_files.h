// TenantVolumes as sparse raw files, <tenants directory>/<tenant>/volumes/<id>.raw. Their
// records, <id>.json, lie beside them and are another room's. Knows no sizes but the files' own:
// who may have how much is the broker's.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/tenant_tree.h"
#include "storage/tenant_volumes.h"

namespace flatvm::storage {

// Immutable, hence thread-safe for different volumes; one volume is changed by one thread at a
// time. A file is root's (0600), or what libvirt makes QEMU's for as long as a domain has it. It is
// opened beneath the tenants' directory, through no symlink, and must be a regular file with one
// link. A volume has its name only once it is whole and on the disk: it is made as "<id>.raw.new",
// which a crash may leave and which then hinders nobody. Errors of all: INTERNAL, with an errno's
// name, a full disk's too; for a tenant that is not a name or an id that is not a UUID before any
// path is made of it.
class VolumeFiles final : public TenantVolumes {
 public:
  // `tenants_directory` is absolute.
  explicit VolumeFiles(std::string tenants_directory)
      : tenants_directory_(std::move(tenants_directory)) {}

  // Empty for a tenant or id that is not one.
  std::string VolumePath(const std::string& tenant, const std::string& volume_id) const override;

  // The directory of the tenant's volumes, mode 0711. The tenant's own must be there. Create and
  // Clone do the same: tenants of an older flatvm have none.
  absl::Status EnsureDirectory(const std::string& tenant) const;

  // A hole of `size_mib`.
  absl::Status CreateVolume(const std::string& tenant, const std::string& volume_id,
                            uint32_t size_mib) override;

  // Takes as long as writing the source's data does where the filesystem cannot share blocks.
  absl::Status CloneVolume(const std::string& tenant, const std::string& source_id,
                           const std::string& volume_id, uint32_t size_mib) override;

  absl::Status GrowVolume(const std::string& tenant, const std::string& volume_id,
                          uint32_t size_mib) override;

  // Also what a crash left of its making.
  absl::Status RemoveVolume(const std::string& tenant, const std::string& volume_id) override;

  // Ids, sorted; of "<id>.raw.new" as well, so that who removes what has no record removes those.
  absl::StatusOr<std::vector<std::string>> ListVolumes(const std::string& tenant) override;

 private:
  // An existing volume.
  absl::StatusOr<TenantFile> Open(const std::string& tenant, const std::string& volume_id,
                                  int flags) const;

  const std::string tenants_directory_;
};

}  // namespace flatvm::storage
