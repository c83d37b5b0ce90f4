// Port: the files of tenants' own images. The real one is own_image_files.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/types.h"

namespace flatvm::storage {

// A part of an image: bytes, or so many that are 0. One of the two is not empty.
struct ImageChunk {
  uint64_t offset = 0;
  std::string_view data;
  uint64_t zeros = 0;

  uint64_t end() const { return offset + data.size() + zeros; }
};

// How much of an image's beginning tells whether it can be one.
constexpr uint64_t kCheckedBytes = uint64_t{64} * 1024;

// An image as its record has it.
struct ImageIdentity {
  std::string tenant;
  std::string id;
  base::DiskFormat format = base::DiskFormat::kRaw;
  uint64_t size_bytes = 0;
};

// Thread-safe for different images; one image is changed by one thread at a time. Every call but
// ImagePath blocks. Errors of all: INTERNAL.
class TenantImages {
 public:
  virtual ~TenantImages() = default;

  // Where an image's file is or would be; absolute; touches nothing.
  virtual std::string ImagePath(const std::string& tenant, const std::string& id) const = 0;

  // Makes an empty file if there is none. Answers with the length of what is there, which is on the
  // disk.
  virtual absl::StatusOr<uint64_t> EnsureImage(const std::string& tenant,
                                               const std::string& id) = 0;

  // Appends a chunk, which begins where the file ends and ends within the image. Errors: also
  // UNAVAILABLE; DEADLINE_EXCEEDED / kStageTimedOut.
  virtual absl::Status WriteImage(const ImageIdentity& image, const ImageChunk& chunk) = 0;

  // What the first kCheckedBytes of the image, which are there, or all of it say: OK if it may
  // become one. Errors: also FAILED_PRECONDITION / kImageUnusable, public text.
  virtual absl::Status CheckBeginning(const ImageIdentity& image) = 0;

  // The SHA-256 of all that is there. Believed only as far as it is the tenant's own harm. May take
  // as long as reading it: after DEADLINE_EXCEEDED it goes on, and a further call waits for the
  // same. Errors: as WriteImage.
  virtual absl::StatusOr<std::string> DigestImage(const ImageIdentity& image,
                                                  std::chrono::milliseconds timeout) = 0;

  // Makes sure that nobody can write to the file any more, and only then checks it anew, its length
  // too. Answers with its disk's virtual size in MiB, rounded up. Errors: also UNAVAILABLE if
  // somebody keeps it open for writing; FAILED_PRECONDITION / kImageUnusable, public text.
  virtual absl::StatusOr<uint32_t> SealImage(const ImageIdentity& image) = 0;

  // OK if it is not there.
  virtual absl::Status RemoveImage(const std::string& tenant, const std::string& id) = 0;

  // Ids of the images that have a file.
  virtual absl::StatusOr<std::vector<std::string>> ListImages(const std::string& tenant) = 0;
};

}  // namespace flatvm::storage
