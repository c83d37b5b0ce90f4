#include "guestlib/src/quota_disk.h"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>

namespace flatvm::guestlib {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kPause{20};

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string ReadLine(const fs::path& path) {
  std::string text = ReadText(path);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::optional<BlockDevice> FindDisk(const std::string& serial) {
  std::error_code error;
  for (fs::directory_iterator it("/sys/block", error), end; !error && it != end;
       it.increment(error)) {
    if (ReadLine(it->path() / "serial") != serial) continue;
    return BlockDevice{.path = "/dev/" + it->path().filename().string(),
                       .number = ReadLine(it->path() / "dev")};
  }
  return std::nullopt;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// Space, tab, newline and backslash are \040, \011, \012 and \134 there.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) &&
        IsOctal(text[i + 3])) {
      const int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      plain.push_back(static_cast<char>(value));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

// Options of the mount itself, which mount(2) takes as flags.
constexpr std::array<std::pair<std::string_view, unsigned long>, 10> kFlags = {
    {{"ro", MS_RDONLY},
     {"nosuid", MS_NOSUID},
     {"nodev", MS_NODEV},
     {"noexec", MS_NOEXEC},
     {"noatime", MS_NOATIME},
     {"nodiratime", MS_NODIRATIME},
     {"relatime", MS_RELATIME},
     {"sync", MS_SYNCHRONOUS},
     {"dirsync", MS_DIRSYNC},
     {"lazytime", MS_LAZYTIME}}};

// The flag that an option is; 0: it is the filesystem's own.
unsigned long FlagOf(std::string_view option) {
  const auto* found = std::find_if(kFlags.begin(), kFlags.end(),
                                   [&](const auto& flag) { return flag.first == option; });
  return found == kFlags.end() ? 0 : found->second;
}

// "36 35 98:0 /root /mount/point options [fields…] - type source options"
std::optional<DiskMount> ParseMount(std::string_view line, std::string_view number) {
  const std::vector<std::string_view> fields = Split(line, ' ');
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (dash - fields.begin() < 6 || fields.end() - dash < 4 || fields[2] != number) {
    return std::nullopt;
  }
  DiskMount mount{
      .point = Unescape(fields[4]), .root = Unescape(fields[3]), .type = std::string(dash[1])};
  for (const std::string_view option : Split(fields[5], ',')) mount.flags |= FlagOf(option);
  for (const std::string_view option : Split(dash[3], ',')) {
    const unsigned long flag = FlagOf(option);
    mount.flags |= flag;
    if (flag != 0 || option == "rw") continue;
    mount.data += (mount.data.empty() ? "" : ",") + Unescape(option);
  }
  return mount;
}

Error Busy(const DiskMount& mount, const std::string& why) {
  return Error{.code = Code::kFailedPrecondition,
               .reason = Reason::kPrimaryKeepsDisk,
               .message = "the quota disk, on " + mount.point + ", " + why};
}

Error Failed(const std::string& what, int error) {
  return Error{.code = Code::kInternal,
               .reason = Reason::kInternalError,
               .message = what + ": " + std::strerror(error)};
}

}  // namespace

DiskCalls RealDiskCalls() {
  return {.find = FindDisk,
          .read_mountinfo = [] { return ReadText("/proc/self/mountinfo"); },
          .unmount =
              [](const std::string& point) {
                return ::umount2(point.c_str(), UMOUNT_NOFOLLOW) == 0 ? 0 : errno;
              },
          .mount =
              [](const std::string& device, const DiskMount& mount) {
                return ::mount(device.c_str(), mount.point.c_str(), mount.type.c_str(), mount.flags,
                               mount.data.c_str()) == 0
                           ? 0
                           : errno;
              },
          .exists = [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; },
          .now = [] { return std::chrono::steady_clock::now(); },
          .sleep = [](milliseconds pause) { std::this_thread::sleep_for(pause); }};
}

std::vector<DiskMount> FindMounts(std::string_view mountinfo, std::string_view number) {
  std::vector<DiskMount> mounts;
  for (const std::string_view line : Split(mountinfo, '\n')) {
    std::optional<DiskMount> mount = ParseMount(line, number);
    if (mount.has_value()) mounts.push_back(*std::move(mount));
  }
  return mounts;
}

Result<UnmountedQuotaDisk> UnmountedQuotaDisk::Unmount(const DiskCalls& calls,
                                                       const std::string& path) {
  UnmountedQuotaDisk disk(calls);
  const std::optional<BlockDevice> device = calls.find(kQuotaSerial);
  if (!device.has_value()) return disk;
  const std::vector<DiskMount> mounts = FindMounts(calls.read_mountinfo(), device->number);
  for (const DiskMount& mount : mounts) {
    if (mount.root != "/") return Busy(mount, "is mounted in part: unmount that");
    if (path.empty() || calls.exists(mount.point + "/" + path)) continue;
    return Error{.code = Code::kNotFound,
                 .reason = Reason::kImageNotFound,
                 .message = "there is no such file on the quota disk, which is on " + mount.point,
                 .field = "from_quota_disk"};
  }
  disk.unmounted_ = mounts;
  for (size_t left = mounts.size(); left > 0; --left) {
    const DiskMount& mount = mounts[left - 1];
    const int error = calls.unmount(mount.point);
    if (error == 0) continue;
    disk.unmounted_.erase(disk.unmounted_.begin(),
                          disk.unmounted_.begin() + static_cast<std::ptrdiff_t>(left));
    (void)disk.MountAgain(milliseconds(0));
    return error == EBUSY ? Busy(mount, "is in use: see fuser -vm " + mount.point)
                          : Failed("unmounting " + mount.point, error);
  }
  return disk;
}

std::optional<Error> UnmountedQuotaDisk::MountAgain(milliseconds timeout) {
  if (unmounted_.empty()) return std::nullopt;
  const auto deadline = calls_.now() + timeout;
  std::optional<BlockDevice> device = calls_.find(kQuotaSerial);
  while (!device.has_value() || !calls_.exists(device->path)) {
    if (calls_.now() >= deadline) {
      return Error{.code = Code::kDeadlineExceeded,
                   .reason = Reason::kStageTimedOut,
                   .message = "the quota disk did not come back; mount it on " +
                              unmounted_.front().point + " when it does"};
    }
    calls_.sleep(kPause);
    device = calls_.find(kQuotaSerial);
  }
  std::optional<Error> first;
  for (const DiskMount& mount : unmounted_) {
    const int error = calls_.mount(device->path, mount);
    if (error != 0 && !first.has_value()) first = Failed("mounting " + mount.point, error);
  }
  unmounted_.clear();
  return first;
}

}  // namespace flatvm::guestlib
