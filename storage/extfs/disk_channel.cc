#include "storage/extfs/disk_channel.h"

#include <ext2fs/ext2fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "daemon/base/error.h"

namespace flatvm::extfs {
namespace {

// The smallest block that ext4 has, and the size of its superblock.
constexpr uint64_t kSectorBytes = 1024;
using Sector = std::array<char, kSectorBytes>;

// A healthy filesystem has bitmaps of at most a 4096th of its size, which are read twice, once to
// compare what is written. The rest is group descriptors, directories and extent trees.
constexpr uint64_t kReadBytes = uint64_t{1} << 30U;
constexpr uint64_t kReadBytesPerByteOfDisk = 512;  // one for so many

struct Disk {
  int fd = -1;
  uint64_t bytes = 0;
  uint64_t left_to_read = 0;
  bool writable = false;
  std::map<uint64_t, Sector> staged;  // by number
};

Disk& DiskOf(io_channel channel) { return *static_cast<Disk*>(channel->private_data); }

struct Span {
  uint64_t at = 0;
  uint64_t bytes = 0;
};

// What libext2fs means by `count`: blocks, or bytes if it is negative. Nullopt: not on the disk.
std::optional<Span> SpanOf(io_channel channel, uint64_t block, int count) {
  const auto block_bytes = static_cast<uint64_t>(channel->block_size);
  const int64_t wide = count;
  const uint64_t bytes =
      wide < 0 ? static_cast<uint64_t>(-wide) : static_cast<uint64_t>(wide) * block_bytes;
  const uint64_t end = DiskOf(channel).bytes;
  if (block > end / block_bytes) return std::nullopt;
  const uint64_t at = block * block_bytes;
  if (bytes > end - at) return std::nullopt;
  return Span{.at = at, .bytes = bytes};
}

errcode_t ReadFromFile(int fd, Span span, char* to) {
  while (span.bytes > 0) {
    const ssize_t n = ::pread(fd, to, span.bytes, static_cast<off_t>(span.at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EXT2_ET_SHORT_READ;
    to += n;
    span.at += static_cast<uint64_t>(n);
    span.bytes -= static_cast<uint64_t>(n);
  }
  return 0;
}

absl::Status WriteToFile(int fd, uint64_t at, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::ErrnoError(errno, "write to a quota disk");
    bytes.remove_prefix(static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

errcode_t Read(io_channel channel, uint64_t block, int count, void* data) {
  const std::optional<Span> span = SpanOf(channel, block, count);
  if (!span.has_value()) return EXT2_ET_SHORT_READ;
  Disk& disk = DiskOf(channel);
  if (span->bytes > disk.left_to_read) return EXT2_FILSYS_CORRUPTED;
  disk.left_to_read -= span->bytes;
  auto* const to = static_cast<char*>(data);
  if (const errcode_t error = ReadFromFile(disk.fd, *span, to); error != 0) return error;
  // Blocks begin at a sector's beginning.
  for (auto it = disk.staged.lower_bound(span->at / kSectorBytes); it != disk.staged.end(); ++it) {
    const uint64_t into = it->first * kSectorBytes - span->at;
    if (into >= span->bytes) break;
    std::memcpy(to + into, it->second.data(), std::min(kSectorBytes, span->bytes - into));
  }
  return 0;
}

// noexcept, as Open: nothing may unwind through C.
errcode_t Write(io_channel channel, uint64_t block, int count, const void* data) noexcept {
  Disk& disk = DiskOf(channel);
  if (!disk.writable) return EXT2_ET_RO_FILSYS;
  const std::optional<Span> span = SpanOf(channel, block, count);
  if (!span.has_value()) return EXT2_ET_SHORT_WRITE;
  if (span->bytes % kSectorBytes != 0) return EINVAL;
  const auto* from = static_cast<const char*>(data);
  for (uint64_t done = 0; done < span->bytes; done += kSectorBytes, from += kSectorBytes) {
    const uint64_t number = (span->at + done) / kSectorBytes;
    const auto staged = disk.staged.find(number);
    if (staged != disk.staged.end()) {
      std::memcpy(staged->second.data(), from, kSectorBytes);
      continue;
    }
    Sector sector;
    if (disk.left_to_read < kSectorBytes) return EXT2_FILSYS_CORRUPTED;
    disk.left_to_read -= kSectorBytes;
    const Span on_disk = {.at = number * kSectorBytes, .bytes = kSectorBytes};
    const errcode_t error = ReadFromFile(disk.fd, on_disk, sector.data());
    if (error != 0) return error;
    if (std::memcmp(sector.data(), from, kSectorBytes) == 0) continue;
    std::memcpy(sector.data(), from, kSectorBytes);
    disk.staged.emplace(number, sector);
  }
  return 0;
}

errcode_t Open(const char* name, int flags, io_channel* channel) noexcept {
  const std::string_view text = name;
  int fd = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (error != std::errc() || end != text.data() + text.size()) return EXT2_ET_BAD_DEVICE_NAME;
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno;
  if (!S_ISREG(info.st_mode) || info.st_size < 0) return EXT2_ET_BAD_DEVICE_NAME;
  auto disk = std::make_unique<Disk>();
  disk->fd = fd;
  disk->bytes = static_cast<uint64_t>(info.st_size);
  disk->left_to_read = kReadBytes + disk->bytes / kReadBytesPerByteOfDisk;
  disk->writable = (flags & IO_FLAG_RW) != 0;
  auto opened = std::make_unique<struct_io_channel>();
  opened->magic = EXT2_ET_MAGIC_IO_CHANNEL;
  opened->manager = DiskChannelManager();
  opened->block_size = static_cast<int>(kSectorBytes);
  opened->refcount = 1;
  opened->private_data = disk.release();
  *channel = opened.release();
  return 0;
}

errcode_t Close(io_channel channel) {
  if (--channel->refcount > 0) return 0;
  const std::unique_ptr<Disk> disk(&DiskOf(channel));
  const std::unique_ptr<struct_io_channel> closed(channel);
  return 0;
}

errcode_t SetBlockSize(io_channel channel, int bytes) {
  if (bytes <= 0 || static_cast<uint64_t>(bytes) % kSectorBytes != 0) return EINVAL;
  channel->block_size = bytes;
  return 0;
}

errcode_t Read32(io_channel channel, unsigned long block, int count, void* data) {
  return Read(channel, block, count, data);
}
errcode_t Read64(io_channel channel, unsigned long long block, int count, void* data) {
  return Read(channel, block, count, data);
}
errcode_t Write32(io_channel channel, unsigned long block, int count, const void* data) {
  return Write(channel, block, count, data);
}
errcode_t Write64(io_channel channel, unsigned long long block, int count, const void* data) {
  return Write(channel, block, count, data);
}
errcode_t Flush(io_channel /*channel*/) { return 0; }

// libext2fs does without what is not there: write_byte, discard, zeroout and so on.
struct_io_manager BuildManager() {
  struct_io_manager manager{};
  manager.magic = EXT2_ET_MAGIC_IO_MANAGER;
  manager.name = "flatvm's disk channel";
  manager.open = Open;
  manager.close = Close;
  manager.set_blksize = SetBlockSize;
  manager.read_blk = Read32;
  manager.write_blk = Write32;
  manager.flush = Flush;
  manager.read_blk64 = Read64;
  manager.write_blk64 = Write64;
  return manager;
}

}  // namespace

struct_io_manager* DiskChannelManager() {
  static struct_io_manager manager = BuildManager();  // never written to; libext2fs knows no const
  return &manager;
}

absl::Status WriteStaged(struct_ext2_filsys* fs) {
  Disk& disk = DiskOf(fs->io);
  for (const auto& [number, sector] : disk.staged) {
    FLATVM_RETURN_IF_ERROR(WriteToFile(disk.fd, number * kSectorBytes,
                                       std::string_view(sector.data(), sector.size())));
  }
  while (::fsync(disk.fd) != 0) {
    if (errno != EINTR) return base::ErrnoError(errno, "fsync a quota disk");
  }
  disk.staged.clear();
  return absl::OkStatus();
}

}  // namespace flatvm::extfs
