// A real ext4 in a file, made by mke2fs from a directory, and the means to make a hostile one of
// it: for tests.
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"
#include "storage/extfs/filesystem.h"
#include "storage/extfs/image.h"
#include "tests/fakes/temp_dir.h"

struct ext2_group_desc;
struct ext2_inode;
struct ext2_super_block;

namespace flatvm::extfs {

constexpr uint64_t kMaxImageBytes = uint64_t{64} << 40U;  // what tests allow an image to have
constexpr const char* kImagePath = "images/web.raw";

// `bytes` without a run of zeros, the same for the same seed.
std::string Noise(size_t bytes, unsigned seed = 1);

class QuotaDisk {
 public:
  // A file that the disk will have; its directories are made.
  void Put(const std::string& path, std::string_view content) const;
  std::string TreePath(const std::string& path) const { return root_.path() + "/tree/" + path; }

  // mke2fs -t ext4 with `options`, filled with what was Put.
  void Make(const std::vector<std::string>& options = {}, unsigned size_mib = 8) const;
  // The same with Noise(100 KiB) and a bit as kImagePath.
  void MakeWithImage(const std::vector<std::string>& options = {}, unsigned size_mib = 8) const;
  // A disk of these bytes.
  void MakeOf(std::string_view bytes) const;

  std::string path() const { return root_.path() + "/disk"; }
  base::UniqueFd Open(int flags = O_RDWR) const;
  std::string Bytes() const;
  void Patch(uint64_t at, std::string_view bytes) const;
  void Truncate(uint64_t bytes) const;

  // debugfs -w, one request after the other.
  void Debugfs(const std::vector<std::string>& requests) const;
  // The content of a file as debugfs reads it.
  std::string Dump(const std::string& path) const;
  // Gives large directories the hash trees that the kernel gives them, and mke2fs does not.
  void IndexDirectories() const;
  // Empty if e2fsck -fn finds nothing, else what it says.
  std::string Fsck() const;

  // What `change` changes is written with the right checksum, where the filesystem has those.
  void EditSuper(const std::function<void(ext2_super_block*)>& change) const;
  void EditInode(const std::string& path, const std::function<void(ext2_inode*)>& change) const;
  // Group 0's descriptor, as it is: for filesystems without checksums.
  void EditGroup(const std::function<void(ext2_group_desc*)>& change) const;
  uint32_t InodeOf(const std::string& path) const;
  uint32_t BlockBytes() const;

 private:
  fakes::TempDir root_;
};

// What FindImage says of kImagePath on the disk opened so, or Open's error.
absl::StatusOr<Image> FindOn(const QuotaDisk& disk, Access access = Access::kReadWrite,
                             std::string_view path = kImagePath);

// The image's content, put together from its extents.
std::string ContentOf(const QuotaDisk& disk, const Image& image);

}  // namespace flatvm::extfs
