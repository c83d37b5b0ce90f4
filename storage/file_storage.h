// TenantStorage on files: the catalog's images, and below <state_dir>/tenants/<tenant>/vms/<id>/ a
// secondary's own files. Records (tenant.json, vms/<id>.json) and volumes lie beside these and are
// others': only RemoveTenant touches them.
#pragma once

#include <string>
#include <vector>

#include "storage/catalog.h"
#include "storage/tenant_storage.h"

namespace flatvm::storage {

struct FileStorageSettings {
  std::string state_dir;    // absolute; must be there, and QEMU's user must be able to search it
  std::string catalog_dir;  // absolute
  std::string qemu_img_program;  // absolute
};

// Immutable, hence thread-safe. A tenant that is not a name or an id that is not a UUID is a bug of
// the caller's: INTERNAL, before any path is made of it.
class FileStorage final : public TenantStorage {
 public:
  explicit FileStorage(const FileStorageSettings& settings);

  absl::StatusOr<CatalogImage> GetImage(const std::string& name) override;
  absl::StatusOr<std::vector<CatalogImage>> ListCatalog() override;
  absl::Status EnsureTenant(const std::string& tenant) override;
  absl::Status RemoveTenant(const std::string& tenant) override;
  // No paths at all for a tenant or id that is not one.
  VmFiles FilesOf(const std::string& tenant, const std::string& vm_id,
                  const CatalogImage& image) override;
  // The tenant must be there. DEADLINE_EXCEEDED / kStageTimedOut if qemu-img takes longer than 30
  // s.
  absl::StatusOr<VmFiles> CreateVmFiles(const std::string& tenant, const std::string& vm_id,
                                        const CatalogImage& image, uint32_t disk_mib) override;
  absl::Status RemoveVmFiles(const std::string& tenant, const std::string& vm_id) override;
  absl::StatusOr<std::vector<std::string>> ListVmFiles(const std::string& tenant) override;

 private:
  std::string TenantDirectory(const std::string& tenant) const;
  std::string VmsDirectory(const std::string& tenant) const;

  const std::string tenants_directory_;
  const std::string qemu_img_program_;
  const Catalog catalog_;
};

}  // namespace flatvm::storage
