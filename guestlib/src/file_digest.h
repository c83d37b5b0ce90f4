// SHA-256 by libcrypto: the only place here that knows of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace flatvm::guestlib {

// Thread-compatible. A library that refuses makes Finish say so.
class FileDigest {
 public:
  FileDigest();
  ~FileDigest();
  FileDigest(const FileDigest&) = delete;
  FileDigest& operator=(const FileDigest&) = delete;

  void Add(std::string_view bytes);

  // 64 lower-case hexadecimal digits of all that was added; nullopt: libcrypto refuses. Once.
  std::optional<std::string> Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace flatvm::guestlib
