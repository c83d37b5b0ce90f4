#include "storage/sha256.h"

#include <openssl/evp.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/escaping.h"
#include "daemon/base/error.h"

namespace flatvm::storage {
namespace {

// Large enough that the system calls do not count, small enough for a host that is short of memory.
constexpr size_t kBufferBytes = size_t{1} << 20U;
constexpr size_t kDigestBytes = 32;

absl::Status LibraryError() { return base::InternalError("libcrypto refuses SHA-256"); }

}  // namespace

struct Sha256::Context {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
  };
  const std::unique_ptr<EVP_MD_CTX, Free> evp{::EVP_MD_CTX_new()};
  const bool good = evp != nullptr && ::EVP_DigestInit_ex(evp.get(), ::EVP_sha256(), nullptr) == 1;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

absl::Status Sha256::Add(std::string_view bytes) {
  if (!context_->good || ::EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) != 1) {
    return LibraryError();
  }
  bytes_ += bytes.size();
  return absl::OkStatus();
}

absl::Status Sha256::AddRestOf(int file, uint64_t offset) {
  std::string buffer(kBufferBytes, '\0');
  while (true) {
    const ssize_t n = ::pread(file, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::ErrnoError(errno, "read what is digested");
    if (n == 0) return absl::OkStatus();
    FLATVM_RETURN_IF_ERROR(Add(std::string_view(buffer).substr(0, static_cast<size_t>(n))));
    offset += static_cast<uint64_t>(n);
  }
}

absl::StatusOr<std::string> Sha256::Finish() {
  std::array<unsigned char, kDigestBytes> digest{};
  unsigned length = 0;
  if (!context_->good || ::EVP_DigestFinal_ex(context_->evp.get(), digest.data(), &length) != 1 ||
      length != kDigestBytes) {
    return LibraryError();
  }
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

absl::StatusOr<std::string> Sha256Of(int file) {
  Sha256 digest;
  FLATVM_RETURN_IF_ERROR(digest.AddRestOf(file, 0));
  return digest.Finish();
}

}  // namespace flatvm::storage
