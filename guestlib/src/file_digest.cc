#include "guestlib/src/file_digest.h"

#include <openssl/evp.h>

#include <array>

namespace flatvm::guestlib {

struct FileDigest::Context {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> evp{::EVP_MD_CTX_new()};
  bool good = evp != nullptr && ::EVP_DigestInit_ex(evp.get(), ::EVP_sha256(), nullptr) == 1;
};

FileDigest::FileDigest() : context_(std::make_unique<Context>()) {}
FileDigest::~FileDigest() = default;

void FileDigest::Add(std::string_view bytes) {
  context_->good =
      context_->good && ::EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) == 1;
}

std::optional<std::string> FileDigest::Finish() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, 32> digest{};
  unsigned length = 0;
  if (!context_->good || ::EVP_DigestFinal_ex(context_->evp.get(), digest.data(), &length) != 1 ||
      length != digest.size()) {
    return std::nullopt;
  }
  std::string text;
  for (const unsigned char byte : digest) {
    text.push_back(kDigits[byte >> 4U]);
    text.push_back(kDigits[byte & 0xfU]);
  }
  return text;
}

}  // namespace flatvm::guestlib
