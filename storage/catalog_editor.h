// What an operator does with the catalog's directory: images added, listed, removed and verified.
// Knows nothing of who uses an image; that is asked of flatvmd.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"
#include "storage/image_writer.h"
#include "storage/new_image.h"

namespace flatvm::storage {

enum class ImageKind {
  kDisk,
  kKernel
};  // what it boots by; one with a kernel may have a disk, too
enum class Digests { kNone, kSome, kAll };

struct ListedImage {
  std::string name;
  std::string fault;  // why it is unusable; then nothing that follows means anything
  std::string description;
  ImageKind kind = ImageKind::kDisk;
  uint32_t disk_mib = 0;  // virtual size; 0: no disk
  uint32_t min_memory_mib = 0;
  Digests digests = Digests::kNone;
};

enum class FileState {
  kSame,      // as its digest says
  kDiffers,   // has other content
  kMissing,   // is not there
  kNoDigest,  // image.json has none, so nothing is known
  kUnusable,  // is there, but cannot be read as an image's file
};

struct VerifiedFile {
  std::string name;
  FileState state = FileState::kNoDigest;
};

struct VerifiedImage {
  std::string name;
  std::string fault;  // why image.json cannot be read; then there are no files
  std::vector<VerifiedFile> files;
};

// Immutable. One change at a time, of all processes: the directory is locked (flock(2)). An image
// has its name only once it is whole and on the disk, and loses it before the first file goes: it
// is made as "<name>.new" and removed as "<name>.removed", which a crash may leave and which then
// hinders nobody. `name` is that of an image; errors of all that take one: INVALID_ARGUMENT naming
// "name"; NOT_FOUND / kImageNotFound where it must be there. Errors of all: INVALID_ARGUMENT naming
// "catalog" if there is no such directory; PERMISSION_DENIED / kPolicyForbids; INTERNAL, a full
// disk's too. All block on the disk.
class CatalogEditor {
 public:
  // `directory` is absolute. `step` may be empty.
  explicit CatalogEditor(std::string directory, StepFn step = nullptr)
      : directory_(std::move(directory)), step_(std::move(step)) {}

  // Copies `image` into the catalog; leaves nothing behind on failure. Errors: also ALREADY_EXISTS
  // / kImageExists, ABORTED / kChangeInFlight, and those of PrepareImage and WriteImage.
  absl::StatusOr<ListedImage> Add(const std::string& name, const NewImage& image) const;

  // What Add would return, all its checks done and nothing copied.
  absl::StatusOr<ListedImage> CheckAdd(const std::string& name, const NewImage& image) const;

  // Also a broken image. Whoever has its files open keeps them. Errors: also ABORTED /
  // kChangeInFlight.
  absl::Status Remove(const std::string& name) const;

  // OK if there is such an image, broken or not.
  absl::Status CheckExists(const std::string& name) const;

  // Every directory, by name; a broken one with its fault.
  absl::StatusOr<std::vector<ListedImage>> List() const;

  // Computes the digests anew, which reads every file that has one.
  absl::StatusOr<VerifiedImage> Verify(const std::string& name) const;

 private:
  absl::StatusOr<base::UniqueFd> Open() const;
  absl::StatusOr<base::UniqueFd> OpenLocked() const;
  absl::Status MakeFresh(int catalog, const std::string& fresh, const PreparedImage& image) const;
  absl::Status RemoveLeftovers(const std::string& name) const;
  ListedImage Describe(int catalog, const std::string& name) const;
  absl::StatusOr<FileState> StateOf(int image, const std::string& file,
                                    const ImageManifest& manifest) const;
  std::string PathOf(const std::string& entry) const;

  const std::string directory_;
  const StepFn step_;
};

}  // namespace flatvm::storage
