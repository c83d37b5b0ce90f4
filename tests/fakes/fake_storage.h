// TenantStorage in memory: a catalog that tests fill, and files that are only names.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "storage/tenant_storage.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// A secondary's files as CreateVmFiles made them.
struct FakeVmFiles {
  std::string image;
  std::string disk_path;  // empty: the image has no disk
  uint32_t disk_mib = 0;  // 0: the image has no disk
  bool operator==(const FakeVmFiles&) const = default;
};

// Thread-safe.
class FakeStorage final : public storage::TenantStorage, public FailableFake {
 public:
  // Everything but the catalog: by tenant, by secondary's id.
  using State = std::map<std::string, std::map<std::string, FakeVmFiles>>;
  State Snapshot() const;

  // Puts an image into the catalog, or another in its place.
  void AddImage(const storage::CatalogImage& image);
  // As if its image.json had this fault: GetImage answers FAILED_PRECONDITION / kImageUnusable.
  void AddUnusableImage(const std::string& name, const std::string& fault);

  absl::StatusOr<storage::CatalogImage> GetImage(const std::string& name) override;
  absl::Status EnsureTenant(const std::string& tenant) override;
  absl::Status RemoveTenant(const std::string& tenant) override;
  storage::VmFiles FilesOf(const std::string& tenant, const std::string& vm_id,
                           const storage::CatalogImage& image) override;
  absl::StatusOr<storage::VmFiles> CreateVmFiles(const std::string& tenant,
                                                 const std::string& vm_id,
                                                 const storage::CatalogImage& image,
                                                 uint32_t disk_mib) override;
  absl::Status RemoveVmFiles(const std::string& tenant, const std::string& vm_id) override;
  absl::StatusOr<std::vector<std::string>> ListVmFiles(const std::string& tenant) override;

 private:
  mutable std::mutex mutex_;
  State tenants_;                                        // guarded by mutex_
  std::map<std::string, storage::CatalogImage> images_;  // guarded by mutex_
  std::map<std::string, std::string> faults_;            // guarded by mutex_
};

}  // namespace flatvm::fakes
