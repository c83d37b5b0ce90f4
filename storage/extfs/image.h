// An image that lies as a file on a quota disk: found, checked, its data located, and removed. Its
// bytes are the caller's to move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/extent.h"
#include "storage/extfs/block_run.h"
#include "storage/extfs/directory.h"

namespace flatvm::extfs {

class Filesystem;

struct Image {
  uint64_t bytes = 0;  // its length: not 0, a multiple of 512
  // Its data, ascending by file offset, runs that continue each other merged. What lies between
  // them and behind them is zeros. The last may end behind `bytes`, by less than a block.
  std::vector<storage::Extent> extents;

  // What follows is for RemoveImage.

  uint32_t inode = 0;
  DirectoryPlace place;
  std::vector<BlockRun> blocks;  // all that are its own
};

// The file at `path` (image_path.h), through no symbolic link, of at most `max_bytes`: regular,
// with one link, with extents, neither encrypted nor inline nor with fs-verity nor immutable, and
// without extended attributes outside its inode. All its blocks lie in the filesystem, are marked
// used, are none of the metadata and none twice; that they are not another file's, too, is not
// checked: what is wrong then is the tenant's own. Errors: INVALID_ARGUMENT / kFieldMalformed
// naming "path"; NOT_FOUND / kImageNotFound; FAILED_PRECONDITION / kImageUnusable, text as
// "must be a regular file", or kQuotaDiskUnusable; INTERNAL. Blocks on the disk.
absl::StatusOr<Image> FindImage(const Filesystem& fs, std::string_view path, uint64_t max_bytes);

// The first `max_bytes` bytes of an image on `disk`, or all of it if it is shorter: what a check of
// a header wants. Errors: INTERNAL. Blocks on the disk.
absl::StatusOr<std::string> ReadBeginning(int disk, const Image& image, size_t max_bytes);

// Takes an image that FindImage found in this filesystem, since when it was not changed, out of its
// directory and frees its blocks and its inode, all in memory: Filesystem::Commit writes it. After
// an error the filesystem is good for nothing but to be dropped. Errors: FAILED_PRECONDITION /
// kQuotaDiskUnusable; INTERNAL, also for one that is read only. Blocks on the disk.
absl::Status RemoveImage(Filesystem* fs, const Image& image);

}  // namespace flatvm::extfs
