#include "cgroups/storage_device.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include "cgroups/file_text.h"
#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {
namespace {

// A file system can lie on an encrypted device on a logical volume on a RAID on partitions.
constexpr int kMaxLayers = 8;
constexpr size_t kMaxMountinfoBytes = size_t{16} << 20U;

// mountinfo writes blank, tab, newline and backslash as three octal digits.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || text.size() - i < 4) {
      plain.push_back(text[i]);
      continue;
    }
    unsigned code = 0;
    for (const char digit : text.substr(i + 1, 3)) {
      code = code * 8 + (static_cast<unsigned>(digit - '0') & 7U);
    }
    plain.push_back(static_cast<char>(code & 0xFFU));
    i += 3;
  }
  return plain;
}

// The "dev" file of a block device's directory in sysfs: "254:0".
absl::StatusOr<std::string> ReadDeviceNumber(const std::string& sysfs_directory) {
  FLATVM_ASSIGN_OR_RETURN(const std::string content,
                          base::ReadFile(base::StrCat(sysfs_directory, "/dev"), 64));
  std::string_view text = content;
  ChopNewline(&text);
  std::string_view minor = text;
  const std::string_view major = TakePart(&minor, ':');
  if (!ParseNumber(major).has_value() || !ParseNumber(minor).has_value()) {
    return Malformed(content, "device number");
  }
  return std::string(text);
}

// The disk that `device` is, or is a partition of.
absl::StatusOr<std::string> FindWholeDisk(const std::string& device, const HostRoots& roots) {
  const std::string directory = base::StrCat(roots.sys, "/dev/block/", device);
  std::error_code ignored;
  const bool partition = std::filesystem::exists(directory + "/partition", ignored);
  return ReadDeviceNumber(partition ? directory + "/.." : directory);
}

// The disk at the bottom of `device`. A device on several disks (RAID) is itself the bottom.
absl::StatusOr<std::string> FindBottomDisk(const std::string& device, const HostRoots& roots) {
  FLATVM_ASSIGN_OR_RETURN(std::string disk, FindWholeDisk(device, roots));
  for (int layer = 0; layer < kMaxLayers; ++layer) {
    const std::string slaves = base::StrCat(roots.sys, "/dev/block/", disk, "/slaves");
    FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> names, base::ListDirectory(slaves));
    std::set<std::string> below;
    for (const std::string& name : names) {
      FLATVM_ASSIGN_OR_RETURN(const std::string slave,
                              ReadDeviceNumber(base::StrCat(slaves, "/", name)));
      FLATVM_ASSIGN_OR_RETURN(std::string slave_disk, FindWholeDisk(slave, roots));
      below.insert(std::move(slave_disk));
    }
    if (below.size() != 1) return disk;
    disk = *below.begin();
  }
  return base::InternalError(base::StrCat("block device ", device, " has too many layers"));
}

// The device behind a mount whose files have no device number of their own (btrfs).
absl::StatusOr<std::string> FindDeviceOfMount(uint64_t mount_id, const HostRoots& roots) {
  FLATVM_ASSIGN_OR_RETURN(const std::string mountinfo,
                          base::ReadFile(roots.proc + "/self/mountinfo", kMaxMountinfoBytes));
  const std::optional<std::string> source = FindMountSource(mountinfo, mount_id);
  if (!source.has_value()) return base::InternalError("its mount is not listed");
  std::error_code error;
  // Below /dev/mapper are symlinks to the nodes that sysfs knows by name.
  const std::filesystem::path node = std::filesystem::canonical(*source, error);
  if (error || !source->starts_with('/')) {
    return base::InternalError(base::StrCat("its file system lies on \"",
                                            base::EscapeForLog(*source), "\", no block device"));
  }
  return ReadDeviceNumber(base::StrCat(roots.sys, "/class/block/", node.filename().string()));
}

absl::StatusOr<std::string> FindDisk(const std::string& directory, const HostRoots& roots) {
  struct statx info = {};
  const unsigned wanted = STATX_BASIC_STATS | STATX_MNT_ID;
  if (::statx(AT_FDCWD, directory.c_str(), AT_STATX_DONT_SYNC, wanted, &info) != 0) {
    return base::ErrnoError(errno, "statx");
  }
  if (info.stx_dev_major != 0) {
    return FindBottomDisk(base::StrCat(info.stx_dev_major, ":", info.stx_dev_minor), roots);
  }
  FLATVM_ASSIGN_OR_RETURN(const std::string device, FindDeviceOfMount(info.stx_mnt_id, roots));
  return FindBottomDisk(device, roots);
}

}  // namespace

std::optional<std::string> FindMountSource(std::string_view mountinfo, uint64_t mount_id) {
  while (!mountinfo.empty()) {
    // "36 35 0:32 /@ /mnt rw,noatime shared:1 - btrfs /dev/vda2 rw,subvol=/@"
    std::string_view line = TakePart(&mountinfo, '\n');
    if (ParseNumber(TakePart(&line, ' ')) != mount_id) continue;
    while (!line.empty() && TakePart(&line, ' ') != "-") {
    }
    TakePart(&line, ' ');  // the file system's type
    const std::string_view source = TakePart(&line, ' ');
    if (source.empty()) return std::nullopt;
    return Unescape(source);
  }
  return std::nullopt;
}

absl::StatusOr<std::string> FindStorageDevice(const std::string& directory,
                                              const HostRoots& roots) {
  absl::StatusOr<std::string> disk = FindDisk(directory, roots);
  if (disk.ok()) return disk;
  return base::InternalError(
      base::StrCat("no block device is known to hold ", directory,
                   ", which a limit of its I/O needs: ", base::Message(disk.status())));
}

}  // namespace flatvm::cgroups
