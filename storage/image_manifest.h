// image.json: what an image says of itself, as plain data. Reads text; does not look at any file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/base/types.h"

namespace flatvm::storage {

constexpr size_t kMaxManifestBytes =
    size_t{64} * 1024;  // some fifty times the longest sensible one
constexpr size_t kMaxDescriptionLength = 200;
constexpr size_t kMaxCmdlineLength = 1024;  // x86's kernels take 2048

struct ManifestDisk {
  std::string file;
  base::DiskFormat format = base::DiskFormat::kRaw;
};

// File names are single components: not empty, no '/' or ':', no '.' in front, no control
// characters.
struct ImageManifest {
  std::string description;
  std::string kernel;   // file name; empty: none, and then neither initrd nor cmdline
  std::string initrd;   // file name; empty: none
  std::string cmdline;  // printable ASCII
  std::optional<ManifestDisk> disk;
  uint32_t min_memory_mib = 0;
  // By file name, of files that the image has: 64 lower-case hexadecimal digits each. One made by
  // hand has none.
  std::map<std::string, std::string> sha256;
};

// Reads {"description", "kernel", "initrd", "cmdline", "disk": {"file", "format": "raw"|"qcow2"},
// "min_memory": "96MiB", "sha256": {<file>: <digits>}}, all optional but one of kernel and disk.
// Unknown and repeated keys, wrong types and values are errors. Errors: FAILED_PRECONDITION /
// kImageUnusable; the text begins with the JSON path, such as "disk.format: must be …".
absl::StatusOr<ImageManifest> ParseImageManifest(std::string_view text);

// The text that ParseImageManifest reads as `manifest`, without what is empty, ending in a newline.
// Bytes that are not UTF-8 come out as others.
std::string FormatImageManifest(const ImageManifest& manifest);

// The names of the files that the image has: disk, kernel, initrd.
std::vector<std::string> FilesOf(const ImageManifest& manifest);

// What the two free texts must be, and what to say if they are not.
constexpr const char* kDescriptionRule = "must be one line of at most 200 bytes";
constexpr const char* kCmdlineRule = "must be at most 1024 printable ASCII characters";
bool IsDescription(std::string_view text);
bool IsCmdline(std::string_view text);

}  // namespace flatvm::storage
