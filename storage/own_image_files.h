// TenantImages as files, <tenants directory>/<tenant>/images/<id>.image. Their records, <id>.json,
// lie beside them and are another room's. What a guest sent is written by a worker; here it is
// opened, looked at and removed.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/import_worker.h"
#include "storage/tenant_images.h"

namespace flatvm::storage {

// Thread-safe as the port says. A file is root's (0600) until libvirt makes it QEMU's; it is opened
// beneath the tenants' directory, through no symlink, and must be a regular file with one link.
// Errors of all: INTERNAL, with an errno's name, a full disk's too; for a tenant that is not a name
// or an id that is not a UUID before any path is made of it.
class OwnImageFiles final : public TenantImages {
 public:
  // `tenants_directory` is absolute; `worker` outlives this. A tenant's slice must be there where a
  // worker is needed: for WriteImage and DigestImage. `writer_patience` is for a worker to close
  // its file.
  OwnImageFiles(std::string tenants_directory, ImportWorker& worker,
                std::chrono::milliseconds writer_patience = std::chrono::seconds(5))
      : tenants_directory_(std::move(tenants_directory)),
        worker_(worker),
        writer_patience_(writer_patience) {}

  // Empty for a tenant or id that is not one.
  std::string ImagePath(const std::string& tenant, const std::string& id) const override;
  absl::StatusOr<uint64_t> EnsureImage(const std::string& tenant, const std::string& id) override;
  // A worker that is gone is replaced, once.
  absl::Status WriteImage(const ImageIdentity& image, const ImageChunk& chunk) override;
  absl::Status CheckBeginning(const ImageIdentity& image) override;
  absl::StatusOr<std::string> DigestImage(const ImageIdentity& image,
                                          std::chrono::milliseconds timeout) override;
  // That nobody can write is the kernel's word: a read lease (fcntl(2), F_SETLEASE) is granted only
  // while no file description, mapping or message in flight has the file open for writing.
  absl::StatusOr<uint32_t> SealImage(const ImageIdentity& image) override;
  absl::Status RemoveImage(const std::string& tenant, const std::string& id) override;
  // Sorted.
  absl::StatusOr<std::vector<std::string>> ListImages(const std::string& tenant) override;

 private:
  using SessionPtr = std::shared_ptr<ImportSession>;

  // The session that is there, or a new one.
  absl::StatusOr<SessionPtr> SessionOf(const ImageIdentity& image);
  void EndSession(const std::string& id);

  const std::string tenants_directory_;
  ImportWorker& worker_;
  const std::chrono::milliseconds writer_patience_;
  std::mutex mutex_;                            // guards sessions_
  std::map<std::string, SessionPtr> sessions_;  // by image id
};

}  // namespace flatvm::storage
