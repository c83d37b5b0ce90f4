#include "tests/unit/extfs/quota_disk.h"

#include <ext2fs/ext2fs.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "daemon/base/subprocess.h"

namespace flatvm::extfs {
namespace {

namespace fs = std::filesystem;

struct Ran {
  int exit_code = -1;
  std::string output;
};

Ran Run(const std::vector<std::string>& argv) {
  const absl::StatusOr<base::ProgramResult> result =
      base::RunProgram(argv, std::chrono::seconds(60));
  EXPECT_TRUE(result.ok()) << argv[0] << ": " << result.status();
  return result.ok() ? Ran{result->exit_code, result->output} : Ran{};
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// An open filesystem, by libext2fs's own means.
class Opened {
 public:
  explicit Opened(const std::string& path) {
    constexpr int kFlags = EXT2_FLAG_RW | EXT2_FLAG_64BITS | EXT2_FLAG_FORCE;
    EXPECT_EQ(ext2fs_open(path.c_str(), kFlags, 0, 0, unix_io_manager, &fs_), 0);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (fs_ != nullptr) {
      EXPECT_EQ(ext2fs_close(fs_), 0);
    }
  }

  ext2_filsys get() const { return fs_; }

 private:
  ext2_filsys fs_ = nullptr;
};

uint32_t Lookup(ext2_filsys fs, const std::string& path) {
  ext2_ino_t number = 0;
  EXPECT_EQ(ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path.c_str(), &number), 0) << path;
  return number;
}

}  // namespace

std::string Noise(size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> byte(1, 255);
  std::string noise(bytes, '\0');
  for (char& c : noise) c = static_cast<char>(byte(random));
  return noise;
}

void QuotaDisk::Put(const std::string& path, std::string_view content) const {
  fs::create_directories(fs::path(TreePath(path)).parent_path());
  std::ofstream(TreePath(path), std::ios::binary) << content;
}

void QuotaDisk::Make(const std::vector<std::string>& options, unsigned size_mib) const {
  fs::create_directories(root_.path() + "/tree");
  std::vector<std::string> argv = {"/sbin/mke2fs", "-q", "-F", "-t", "ext4"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.insert(argv.end(), {"-d", root_.path() + "/tree", path(), std::to_string(size_mib) + "M"});
  fs::remove(path());
  const Ran made = Run(argv);
  ASSERT_EQ(made.exit_code, 0) << made.output;
}

void QuotaDisk::MakeWithImage(const std::vector<std::string>& options, unsigned size_mib) const {
  Put(kImagePath, Noise(100 * 1024 + 512));
  Make(options, size_mib);
}

void QuotaDisk::MakeOf(std::string_view bytes) const {
  std::ofstream(path(), std::ios::binary) << bytes;
}

base::UniqueFd QuotaDisk::Open(int flags) const {
  base::UniqueFd fd(::open(path().c_str(), flags | O_CLOEXEC, 0600));
  EXPECT_TRUE(fd.valid());
  return fd;
}

std::string QuotaDisk::Bytes() const { return ReadAll(path()); }

void QuotaDisk::Patch(uint64_t at, std::string_view bytes) const {
  const base::UniqueFd fd = Open();
  EXPECT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(at)),
            static_cast<ssize_t>(bytes.size()));
}

void QuotaDisk::Truncate(uint64_t bytes) const { fs::resize_file(path(), bytes); }

void QuotaDisk::Debugfs(const std::vector<std::string>& requests) const {
  const std::string script = root_.path() + "/requests";
  {
    std::ofstream out(script);
    for (const std::string& request : requests) out << request << '\n';
  }
  const Ran ran = Run({"/sbin/debugfs", "-w", "-f", script, path()});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  // It ends with 0 whatever happens, and says "<command>: …" of what was no good.
  for (const std::string& request : requests) {
    const std::string complaint = "\n" + request.substr(0, request.find(' ')) + ": ";
    EXPECT_EQ(ran.output.find(complaint), std::string::npos) << ran.output;
  }
}

std::string QuotaDisk::Dump(const std::string& path) const {
  const std::string target = root_.path() + "/dumped";
  fs::remove(target);
  Debugfs({"dump /" + path + " " + target});
  return ReadAll(target);
}

std::string QuotaDisk::Fsck() const {
  const Ran ran = Run({"/sbin/e2fsck", "-fn", path()});
  return ran.exit_code == 0 ? "" : ran.output;
}

void QuotaDisk::IndexDirectories() const {
  const Ran ran = Run({"/sbin/e2fsck", "-fyD", path()});
  EXPECT_LE(ran.exit_code, 1) << ran.output;  // 1: "errors corrected", as some versions call it
}

void QuotaDisk::EditSuper(const std::function<void(ext2_super_block*)>& change) const {
  ext2_super_block super{};
  static_assert(sizeof super == SUPERBLOCK_SIZE);
  const std::string bytes = Bytes();
  ASSERT_GE(bytes.size(), size_t{SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE});
  std::memcpy(&super, bytes.data() + SUPERBLOCK_OFFSET, sizeof super);
  change(&super);
  if ((super.s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM) != 0) {
    super.s_checksum = ext2fs_crc32c_le(~0U, reinterpret_cast<unsigned char*>(&super),
                                        offsetof(ext2_super_block, s_checksum));
  }
  Patch(SUPERBLOCK_OFFSET, std::string_view(reinterpret_cast<const char*>(&super), sizeof super));
}

void QuotaDisk::EditInode(const std::string& path,
                          const std::function<void(ext2_inode*)>& change) const {
  const Opened opened(this->path());
  const uint32_t number = Lookup(opened.get(), path);
  ext2_inode inode{};
  ASSERT_EQ(ext2fs_read_inode(opened.get(), number, &inode), 0);
  change(&inode);
  ASSERT_EQ(ext2fs_write_inode(opened.get(), number, &inode), 0);
}

void QuotaDisk::EditGroup(const std::function<void(ext2_group_desc*)>& change) const {
  const uint32_t block_bytes = BlockBytes();
  const uint64_t at = block_bytes == 1024 ? 2048 : block_bytes;
  ext2_group_desc group{};
  std::memcpy(&group, Bytes().data() + at, sizeof group);
  change(&group);
  Patch(at, std::string_view(reinterpret_cast<const char*>(&group), sizeof group));
}

uint32_t QuotaDisk::InodeOf(const std::string& path) const {
  return Lookup(Opened(this->path()).get(), path);
}

uint32_t QuotaDisk::BlockBytes() const { return Opened(path()).get()->blocksize; }

absl::StatusOr<Image> FindOn(const QuotaDisk& disk, Access access, std::string_view path) {
  const base::UniqueFd fd = disk.Open(access == Access::kRead ? O_RDONLY : O_RDWR);
  absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), access);
  if (!fs.ok()) return fs.status();
  return FindImage(*fs, path, kMaxImageBytes);
}

std::string ContentOf(const QuotaDisk& disk, const Image& image) {
  const base::UniqueFd fd = disk.Open(O_RDONLY);
  std::string content(image.bytes, '\0');
  uint64_t end = 0;
  for (const storage::Extent& extent : image.extents) {
    EXPECT_GE(extent.file_offset, end);
    end = extent.file_offset + extent.length;
    if (extent.file_offset >= content.size()) {
      ADD_FAILURE() << "an extent lies outside of the file";
      break;
    }
    const uint64_t length = std::min(extent.length, content.size() - extent.file_offset);
    EXPECT_EQ(::pread(fd.get(), content.data() + extent.file_offset, length,
                      static_cast<off_t>(extent.disk_offset)),
              static_cast<ssize_t>(length));
  }
  return content;
}

}  // namespace flatvm::extfs
