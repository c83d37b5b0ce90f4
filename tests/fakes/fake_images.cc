#include "tests/fakes/fake_images.h"

#include <functional>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"

namespace flatvm::fakes {
namespace {

absl::Status CheckContent(const std::string& content) {
  if (!content.starts_with(kHostileContent)) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kImageUnusable,
                         "must not have a backing file");
}

}  // namespace

std::string FakeDigestOf(const std::string& content) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr size_t kLength = 64;
  std::string digest;
  for (size_t i = 0; i < kLength; ++i) {
    digest.push_back(kDigits[std::hash<std::string>()(content + std::to_string(i)) % 16]);
  }
  return digest;
}

FakeImages::State FakeImages::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void FakeImages::Put(const std::string& tenant, const std::string& id, const std::string& content) {
  const std::lock_guard lock(mutex_);
  state_[tenant][id] = content;
}

std::string FakeImages::ImagePath(const std::string& tenant, const std::string& id) const {
  return base::StrCat("/fake/tenants/", tenant, "/images/", id, ".image");
}

absl::StatusOr<uint64_t> FakeImages::EnsureImage(const std::string& tenant, const std::string& id) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  return state_[tenant][id].size();
}

absl::Status FakeImages::WriteImage(const storage::ImageIdentity& image,
                                    const storage::ImageChunk& chunk) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  const auto tenant = state_.find(image.tenant);
  if (tenant == state_.end() || !tenant->second.contains(image.id)) {
    return base::InternalError("there is no such file");
  }
  std::string& content = tenant->second[image.id];
  if (chunk.offset > content.size() || chunk.end() > image.size_bytes) {
    return base::InternalError("a chunk that does not go on where the file ends");
  }
  content.resize(chunk.offset);
  content.append(chunk.data);
  content.append(chunk.zeros, '\0');
  return absl::OkStatus();
}

absl::StatusOr<std::string> FakeImages::ContentOf(const storage::ImageIdentity& image) const {
  const std::lock_guard lock(mutex_);
  const auto tenant = state_.find(image.tenant);
  if (tenant == state_.end() || !tenant->second.contains(image.id)) {
    return base::InternalError("there is no such file");
  }
  return tenant->second.at(image.id);
}

absl::Status FakeImages::CheckBeginning(const storage::ImageIdentity& image) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_ASSIGN_OR_RETURN(const std::string content, ContentOf(image));
  return CheckContent(content);
}

absl::StatusOr<std::string> FakeImages::DigestImage(const storage::ImageIdentity& image,
                                                    std::chrono::milliseconds /*timeout*/) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_ASSIGN_OR_RETURN(const std::string content, ContentOf(image));
  return FakeDigestOf(content);
}

absl::StatusOr<uint32_t> FakeImages::SealImage(const storage::ImageIdentity& image) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_ASSIGN_OR_RETURN(const std::string content, ContentOf(image));
  FLATVM_RETURN_IF_ERROR(CheckContent(content));
  const uint64_t factor = image.format == base::DiskFormat::kQcow2 ? 4 : 1;
  return static_cast<uint32_t>((content.size() * factor + base::kMebibyte - 1) / base::kMebibyte);
}

absl::Status FakeImages::RemoveImage(const std::string& tenant, const std::string& id) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  const auto found = state_.find(tenant);
  if (found == state_.end()) return absl::OkStatus();
  found->second.erase(id);
  if (found->second.empty()) state_.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FakeImages::ListImages(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  const auto found = state_.find(tenant);
  if (found == state_.end()) return ids;
  for (const auto& [id, content] : found->second) ids.push_back(id);
  return ids;
}

}  // namespace flatvm::fakes
