// One file of an image: opened as the catalog opens it, and what its beginning says. Knows neither
// where the catalog is nor what an image needs.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/base/types.h"
#include "daemon/base/unique_fd.h"
#include "storage/image_manifest.h"

namespace flatvm::storage {

constexpr const char* kManifestName = "image.json";

// An open regular file and its length, which is not 0.
struct ImageFile {
  base::UniqueFd fd;
  uint64_t bytes = 0;
};

// Errors of all: FAILED_PRECONDITION / kImageUnusable, public text without the file's name;
// INTERNAL. All block on the disk.

// The open file `fd`, taken over.
absl::StatusOr<ImageFile> CheckImageFile(base::UniqueFd fd);

// `name` in the open `directory`, through no symlink.
absl::StatusOr<ImageFile> OpenImageFile(int directory, const std::string& name);

// image.json in the open `directory`.
absl::StatusOr<ImageManifest> ReadManifest(int directory);

// The disk that a guest would see, in bytes: the file's length (raw), or what its checked header
// says (qcow2). A raw file that begins like a qcow2 image is refused: that is nearly always a
// mistake.
absl::StatusOr<uint64_t> ReadVirtualSize(const ImageFile& file, base::DiskFormat format);

// Rounded up. `virtual_size_bytes` is at most kMaxVirtualSizeBytes, which is 2^26 MiB.
constexpr uint32_t VirtualSizeMib(uint64_t virtual_size_bytes) {
  return static_cast<uint32_t>((virtual_size_bytes + base::kMebibyte - 1) / base::kMebibyte);
}

}  // namespace flatvm::storage
