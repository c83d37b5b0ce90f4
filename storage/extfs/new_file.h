// A file's way onto a quota disk: is there a place for it, and blocks taken and named for it. Its
// bytes are the caller's to write, to where it is told.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/disk_run.h"
#include "storage/extent.h"

namespace flatvm::extfs {

class Filesystem;

struct NewFile {
  uint64_t bytes = 0;  // its length, not 0
  // What of it is not zeros all through: ascending, apart, within it. The rest becomes holes.
  std::vector<storage::DiskRun> data;
  // Bytes, a power of two: what parts of it begin at a multiple of, in the file and on the disk, if
  // there is room enough so. The filesystem's block if that is larger.
  uint64_t alignment = 0;
};

// That a file can be made at `path` (image_path.h): its directory is there, reached through no
// symbolic link, and has no such name. Errors: INVALID_ARGUMENT / kFieldMalformed naming "path";
// FAILED_PRECONDITION / kQuotaPathUnusable, the text says why, or kImageUnusable for a directory of
// a kind that is not read, or kQuotaDiskUnusable; INTERNAL. Blocks on the disk.
absl::Status CheckPlace(const Filesystem& fs, std::string_view path);

// That `data_bytes` will find room when the filesystem has grown to `disk_bytes`, as far as can be
// told before: what the growth takes for itself is counted, what the file takes beside its data is
// not. Errors: FAILED_PRECONDITION / kQuotaDiskFull.
absl::Status CheckRoom(const Filesystem& fs, uint64_t data_bytes, uint64_t disk_bytes);

// Makes it, root's, mode 0600, of this moment, all in memory: Filesystem::Commit writes it. Answers
// with where its data is to be written, ascending in the file and on the disk; each extent but one
// at the file's end has all of its bytes in the file, and that one's last block is to be filled
// with zeros. After an error the filesystem is good for nothing but to be dropped. Errors: as
// CheckPlace; also FAILED_PRECONDITION / kQuotaDiskFull. Blocks on the disk.
absl::StatusOr<std::vector<storage::Extent>> AddFile(Filesystem* fs, std::string_view path,
                                                     const NewFile& file);

}  // namespace flatvm::extfs
