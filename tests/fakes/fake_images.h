// TenantImages in memory: an image is the bytes that arrived.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "storage/tenant_images.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// What DigestImage says of this content: 64 hexadecimal digits, and not SHA-256.
std::string FakeDigestOf(const std::string& content);

// Content that begins like this can be no image: kImageUnusable.
inline constexpr const char* kHostileContent = "hostile";

// Thread-safe. A disk is as large as its file, and four times that if it is qcow2.
class FakeImages final : public storage::TenantImages, public FailableFake {
 public:
  // By tenant and id.
  using State = std::map<std::string, std::map<std::string, std::string>>;
  State Snapshot() const;
  // As if flatvmd had been killed while the file was longer than anybody knew.
  void Put(const std::string& tenant, const std::string& id, const std::string& content);

  std::string ImagePath(const std::string& tenant, const std::string& id) const override;
  absl::StatusOr<uint64_t> EnsureImage(const std::string& tenant, const std::string& id) override;
  absl::Status WriteImage(const storage::ImageIdentity& image,
                          const storage::ImageChunk& chunk) override;
  absl::Status CheckBeginning(const storage::ImageIdentity& image) override;
  absl::StatusOr<std::string> DigestImage(const storage::ImageIdentity& image,
                                          std::chrono::milliseconds timeout) override;
  absl::StatusOr<uint32_t> SealImage(const storage::ImageIdentity& image) override;
  absl::Status RemoveImage(const std::string& tenant, const std::string& id) override;
  absl::StatusOr<std::vector<std::string>> ListImages(const std::string& tenant) override;

 private:
  absl::StatusOr<std::string> ContentOf(const storage::ImageIdentity& image) const;

  mutable std::mutex mutex_;
  State state_;  // guarded by mutex_
};

}  // namespace flatvm::fakes
