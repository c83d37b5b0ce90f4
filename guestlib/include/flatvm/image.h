// Images as plain data: what secondaries are made from, the tenant's own and the operator's.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "flatvm/export.h"

namespace flatvm {

// How a disk's bytes are laid out. Said, never guessed.
enum class ImageFormat : int {
  kUnspecified = 0,
  kRaw = 1,
  kQcow2 = 2,  // version 3, without backing file, data file, encryption or internal snapshots
};

enum class ImageSource : int {
  kUnspecified = 0,
  kOwn = 1,      // the tenant's
  kCatalog = 2,  // the operator's
};

enum class ImageState : int {
  kUnspecified = 0,
  kImporting = 1,
  kReady = 2,
  kDeleting = 3,
};

// "raw", "own", "ready" and their like; "unknown" for one that this version does not know.
// Thread-safe.
FLATVM_EXPORT const char* ImageFormatName(ImageFormat format);
FLATVM_EXPORT const char* ImageSourceName(ImageSource source);
FLATVM_EXPORT const char* ImageStateName(ImageState state);

// An image.
struct Image {
  std::string id;  // UUID, lower case; never reused; empty: the operator's
  std::string name;
  std::string tenant;  // empty: the operator's
  ImageSource source = ImageSource::kUnspecified;
  ImageState state = ImageState::kUnspecified;
  ImageFormat format = ImageFormat::kUnspecified;  // kUnspecified: it has no disk
  uint64_t size_bytes = 0;  // of its file, which counts against the tenant's disk limit in whole
                            // MiB; 0: the operator's
  uint64_t received_bytes = 0;  // of one that is imported: what is there
  uint32_t disk_mib = 0;        // MiB of the disk that a secondary of it has at least; 0: not known
  std::string sha256;           // 64 lower-case hexadecimal digits; may be empty for the operator's
  std::chrono::system_clock::time_point created_at;  // the host's clock; the epoch: not said
  std::string description;                           // the operator's words

  bool operator==(const Image&) const = default;
};

enum class ImportStage {
  kReading,   // this VM computes the SHA-256
  kSending,   // the host gets the bytes
  kChecking,  // the host computes the SHA-256; nothing says how far it is
};

struct ImportProgress {
  ImportStage stage = ImportStage::kReading;
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
  uint64_t begun_at_bytes = 0;  // of kSending: what the host had before this call
};

// What is to become an own image. The host checks it; nothing is checked here.
struct ImportSpec {
  std::string name{};  // [a-z0-9-]{1,40}, first and last not '-'; none that the catalog has
  std::string path{};  // of a file or a block device of this VM, which nobody changes meanwhile
  ImageFormat format = ImageFormat::kUnspecified;
  // Told how far it is, many times a second; may be empty. In the caller's thread.
  std::function<void(const ImportProgress&)> progress{};
};

}  // namespace flatvm
