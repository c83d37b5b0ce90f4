// The file of an image that is on its way, in the hands of its worker. Knows offsets and bytes;
// what they mean, nobody here asks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"
#include "storage/sha256.h"

namespace flatvm::import_worker {

// Thread-compatible; every call blocks on the disk. Errors of all: INTERNAL, a full disk's too.
// What is written goes to the disk soon and out of the page cache, which is the tenant's.
class ImportFile {
 public:
  // `file` is open for reading and writing; nothing is written from `size_bytes` on.
  ImportFile(base::UniqueFd file, uint64_t size_bytes)
      : file_(std::move(file)), size_bytes_(size_bytes) {}

  absl::Status Write(uint64_t offset, std::string_view data);

  // Bytes that are 0 and take no place.
  absl::Status WriteZeros(uint64_t offset, uint64_t zeros);

  // Waits until all is on the disk, and closes the file: the last call. SHA-256 of all that is in
  // it, 64 lower-case hexadecimal digits. What came from the beginning on, one after the other, is
  // digested already; the rest is read.
  absl::StatusOr<std::string> Digest();

 private:
  absl::Status CheckRange(uint64_t offset, uint64_t length) const;
  void MoveOn(uint64_t end);

  base::UniqueFd file_;
  const uint64_t size_bytes_;
  storage::Sha256 digest_;
  uint64_t behind_ = 0;   // begin of what is being written to the disk
  uint64_t current_ = 0;  // begin of what was written since
};

}  // namespace flatvm::import_worker
