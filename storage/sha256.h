// SHA-256 by libcrypto: the only place that knows of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::storage {

// Of bytes that come one after the other. Thread-compatible. Errors of all: INTERNAL.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  // How many bytes were added.
  uint64_t bytes() const { return bytes_; }

  absl::Status Add(std::string_view bytes);

  // All that `file`, open for reading, has from `offset` on; holes count as zeros. Leaves the file
  // offset. Blocks for as long as reading it takes.
  absl::Status AddRestOf(int file, uint64_t offset);

  // 64 lower-case hexadecimal digits. The last call.
  absl::StatusOr<std::string> Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  uint64_t bytes_ = 0;
};

// Of the whole content of a file: see AddRestOf and Finish.
absl::StatusOr<std::string> Sha256Of(int file);

}  // namespace flatvm::storage
