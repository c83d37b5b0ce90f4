#include "guestlib/cli/mounted_disk.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "daemon/base/durable_file.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMountInfo = "/proc/self/mountinfo";
constexpr size_t kMaxMountInfo = size_t{16} << 20U;  // hosts of containers have thousands of mounts
constexpr size_t kMaxAttribute = 4096;               // sysfs: a page
constexpr int kMaxDepth = 16;  // disk, partition, RAID, LUKS, LVM, … none is made of itself

// A sysfs attribute without the newline at its end; empty if it is not there or cannot be read.
std::string ReadAttribute(const fs::path& path) {
  std::string text = base::ReadFile(path.string(), kMaxAttribute).value_or("");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// What is in a directory; nothing if it is not there. A device may go while we look.
std::vector<fs::path> Entries(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  return entries;
}

void AddDevices(const fs::path& device, int depth, std::vector<DeviceNumber>* numbers) {
  std::string number = ReadAttribute(device / "dev");
  if (number.empty() || depth > kMaxDepth) return;
  numbers->push_back(std::move(number));
  for (const fs::path& entry : Entries(device)) {
    std::error_code error;
    if (fs::exists(entry / "partition", error)) AddDevices(entry, depth + 1, numbers);
  }
  for (const fs::path& holder : Entries(device / "holders")) AddDevices(holder, depth + 1, numbers);
}

DeviceNumber NumberOf(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || !S_ISBLK(found.st_mode)) return "";
  return base::StrCat(major(found.st_rdev), ":", minor(found.st_rdev));
}

std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
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

struct Mount {
  std::string_view device;  // major:minor
  std::string point;
  std::string source;
};

// "36 35 98:0 /root /mount/point options [fields…] - type source options"
std::optional<Mount> ParseMount(std::string_view line) {
  const std::vector<std::string_view> fields = SplitAt(line, ' ');
  constexpr size_t kDevice = 2;
  constexpr size_t kPoint = 4;
  constexpr size_t kFirstOptional = 6;
  if (fields.size() <= kFirstOptional) return std::nullopt;
  const auto dash = std::find(fields.begin() + kFirstOptional, fields.end(), "-");
  if (fields.end() - dash < 3) return std::nullopt;
  return Mount{
      .device = fields[kDevice], .point = Unescape(fields[kPoint]), .source = Unescape(dash[2])};
}

}  // namespace

std::vector<DeviceNumber> DevicesOfDisk(const std::string& serial, const std::string& sys_block) {
  std::vector<DeviceNumber> numbers;
  if (serial.empty()) return numbers;  // what other disks have
  for (const fs::path& disk : Entries(sys_block)) {
    if (ReadAttribute(disk / "serial") == serial) AddDevices(disk, 0, &numbers);
  }
  return numbers;
}

std::optional<std::string> FindMountPoint(
    std::string_view mountinfo, const std::vector<DeviceNumber>& devices,
    const std::function<DeviceNumber(const std::string& path)>& number_of) {
  const auto is_ours = [&](std::string_view number) {
    return std::find(devices.begin(), devices.end(), number) != devices.end();
  };
  for (const std::string_view line : SplitAt(mountinfo, '\n')) {
    std::optional<Mount> mount = ParseMount(line);
    if (!mount.has_value()) continue;
    const bool own_number = mount->device.starts_with("0:");  // of no block device
    const bool asked = own_number && mount->source.starts_with("/");
    if (is_ours(asked ? number_of(mount->source) : mount->device)) return std::move(mount->point);
  }
  return std::nullopt;
}

Result<std::string> FindMountOfDisk(const std::string& serial) {
  const std::vector<DeviceNumber> devices = DevicesOfDisk(serial, "/sys/block");
  if (devices.empty()) return std::string();
  const absl::StatusOr<std::string> mountinfo = base::ReadFile(kMountInfo, kMaxMountInfo);
  if (!mountinfo.ok()) {
    return Error{
        .code = Code::kInternal,
        .reason = Reason::kInternalError,
        .message = base::StrCat("cannot tell whether the volume is mounted: ",
                                base::Message(mountinfo.status()), "; --force does not look")};
  }
  return FindMountPoint(*mountinfo, devices, NumberOf).value_or("");
}

}  // namespace flatvm::cli
