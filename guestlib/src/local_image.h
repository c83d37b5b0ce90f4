// The file that is to become an image, in this VM: its length, its digest and its parts. Knows
// nothing of the host.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "flatvm/result.h"
#include "guestlib/src/unique_fd.h"

namespace flatvm::guestlib {

// A part of it: bytes, or so many that are 0.
struct ImagePart {
  std::string data;
  uint64_t zeros = 0;

  uint64_t length() const { return data.size() + zeros; }
};

// Thread-compatible; every call but size_bytes blocks on the disk. Errors of all:
// FAILED_PRECONDITION / kImageUnusable naming "path" where the file cannot be read as it was.
class LocalImage {
 public:
  static constexpr size_t kMaxDataBytes = size_t{60} * 1024;  // what the host takes in one message

  // A regular file or a block device, which is not empty. Errors: also INVALID_ARGUMENT naming
  // "path"; NOT_FOUND / kImageNotFound.
  static Result<LocalImage> Open(const std::string& path);

  uint64_t size_bytes() const { return size_bytes_; }

  // SHA-256 of the whole content, 64 lower-case hexadecimal digits. `progress` is told how many
  // bytes are done. Errors: also INTERNAL.
  Result<std::string> Digest(const std::function<void(uint64_t)>& progress) const;

  // What begins at `offset`, which is less than size_bytes. Holes, and other zeros, come as such.
  Result<ImagePart> Next(uint64_t offset) const;

 private:
  LocalImage(UniqueFd file, uint64_t size_bytes)
      : file_(std::move(file)), size_bytes_(size_bytes) {}

  // Up to `bytes` from `offset` on, at least one.
  Result<std::string> Read(uint64_t offset, size_t bytes) const;

  UniqueFd file_;
  uint64_t size_bytes_ = 0;
};

}  // namespace flatvm::guestlib
