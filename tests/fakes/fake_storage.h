// TenantStorage and TenantVolumes in memory: a catalog that tests fill, and files that are only
// names.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "storage/tenant_storage.h"
#include "storage/tenant_volumes.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// A secondary's files as CreateVmFiles made them.
struct FakeVmFiles {
  std::string image;
  std::string disk_path;  // empty: the image has no disk
  uint32_t disk_mib = 0;  // 0: the image has no disk
  bool operator==(const FakeVmFiles&) const = default;
};

// A volume as it was made and grown.
struct FakeVolume {
  uint32_t size_mib = 0;
  std::string cloned_of;  // id of the volume whose content it began with; empty: zeros
  bool operator==(const FakeVolume&) const = default;
};

// What a tenant's directory holds, by id.
struct FakeTenantFiles {
  std::map<std::string, FakeVmFiles> vms;
  std::map<std::string, FakeVolume> volumes;
  bool operator==(const FakeTenantFiles&) const = default;
};

// Thread-safe.
class FakeStorage final : public storage::TenantStorage,
                          public storage::TenantVolumes,
                          public FailableFake {
 public:
  // Everything but the catalog, by tenant.
  using State = std::map<std::string, FakeTenantFiles>;
  State Snapshot() const;

  // Puts an image into the catalog, or another in its place.
  void AddImage(const storage::CatalogImage& image);
  // As if its image.json had this fault: GetImage answers FAILED_PRECONDITION / kImageUnusable.
  void AddUnusableImage(const std::string& name, const std::string& fault);

  absl::StatusOr<storage::CatalogImage> GetImage(const std::string& name) override;
  absl::StatusOr<std::vector<storage::CatalogImage>> ListCatalog() override;
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
  std::string VolumePath(const std::string& tenant, const std::string& volume_id) const override;
  absl::Status CreateVolume(const std::string& tenant, const std::string& volume_id,
                            uint32_t size_mib) override;
  absl::Status CloneVolume(const std::string& tenant, const std::string& source_id,
                           const std::string& volume_id, uint32_t size_mib) override;
  absl::Status GrowVolume(const std::string& tenant, const std::string& volume_id,
                          uint32_t size_mib) override;
  absl::Status RemoveVolume(const std::string& tenant, const std::string& volume_id) override;
  absl::StatusOr<std::vector<std::string>> ListVolumes(const std::string& tenant) override;

 private:
  // Null if it is not there. mutex_ is held.
  FakeVolume* FindVolume(const std::string& tenant, const std::string& volume_id);

  mutable std::mutex mutex_;
  State tenants_;                                        // guarded by mutex_
  std::map<std::string, storage::CatalogImage> images_;  // guarded by mutex_
  std::map<std::string, std::string> faults_;            // guarded by mutex_
};

}  // namespace flatvm::fakes
