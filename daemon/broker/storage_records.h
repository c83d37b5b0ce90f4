// What flatvm remembers of a tenant's volumes and own images: plain data, as records.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "daemon/base/types.h"

namespace flatvm::broker {

// kMoving: an image leaves the quota disk. From then on it is the volume's, and what the host's
// disk has follows. kReturning: it goes back; from then on it is the quota disk's.
enum class VolumeState { kCreating, kReady, kDeleting, kMoving, kReturning };

struct VolumeRecord {
  std::string id;  // UUID
  std::string tenant;
  std::string name;  // unique among the tenant's volumes
  VolumeState state = VolumeState::kCreating;
  uint32_t size_mib = 0;
  // Plugged into the primary, or about to be; a secondary's hold is in its own record.
  bool on_primary = false;
  std::chrono::system_clock::time_point created_at;
  std::string request_id;  // of its create; may be empty
  // As the caller sent them: what a repeated request is compared with.
  uint32_t asked_size_mib = 0;
  std::string asked_clone_of;
  std::string asked_quota_path;  // of the image on the quota disk; empty: none
  // Of an image that came from the quota disk:
  uint32_t quota_mib = 0;     // what the quota disk lacks while this volume is there
  uint64_t image_bytes = 0;   // the file's length until it is resized; 0: size_mib
  std::string cuts;           // in kMoving: storage::Extracted
  uint32_t new_disk_mib = 0;  // in kReturning: what the quota disk's file has with the image

  bool operator==(const VolumeRecord&) const = default;
};

// kImporting: its bytes are on their way, and the file's length says how many are there.
enum class ImageState { kImporting, kReady, kDeleting };

// A tenant's own image. Nothing of it changes once it is kReady.
struct ImageRecord {
  std::string id;  // UUID
  std::string tenant;
  std::string name;  // unique among the tenant's images
  ImageState state = ImageState::kImporting;
  base::DiskFormat format = base::DiskFormat::kRaw;
  uint64_t size_bytes = 0;  // of the file
  std::string sha256;       // of the file: 64 lower-case hexadecimal digits
  uint32_t disk_mib = 0;    // virtual size; 0 until kReady
  std::chrono::system_clock::time_point created_at;

  bool operator==(const ImageRecord&) const = default;
};

}  // namespace flatvm::broker
