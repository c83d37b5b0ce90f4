#include "storage/qcow2_header.h"

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/unusable_image.h"

namespace flatvm::storage {
namespace {

// Byte offsets of the header's fields.
constexpr size_t kVersionAt = 4;
constexpr size_t kBackingFileOffsetAt = 8;
constexpr size_t kClusterBitsAt = 20;
constexpr size_t kSizeAt = 24;
constexpr size_t kCryptMethodAt = 32;
constexpr size_t kL1SizeAt = 36;
constexpr size_t kL1OffsetAt = 40;
constexpr size_t kRefcountOffsetAt = 48;
constexpr size_t kRefcountClustersAt = 56;
constexpr size_t kSnapshotCountAt = 60;
constexpr size_t kIncompatibleAt = 72;
constexpr size_t kAutoclearAt = 88;
constexpr size_t kRefcountOrderAt = 96;
constexpr size_t kHeaderLengthAt = 100;
constexpr size_t kCompressionTypeAt = 104;
constexpr size_t kHeaderLengthV3 = 104;  // without the compression type
constexpr size_t kHeaderLengthWithCompression = 112;

constexpr uint64_t kDirty = 1U << 0U;
constexpr uint64_t kCorrupt = 1U << 1U;
constexpr uint64_t kExternalDataFile = 1U << 2U;
constexpr uint64_t kCompressionType = 1U << 3U;
constexpr uint64_t kExtendedL2 = 1U << 4U;
constexpr uint64_t kAutoclearRawDataFile = 1U << 1U;

constexpr uint32_t kMinClusterBits = 9;
constexpr uint32_t kMaxClusterBits = 21;
constexpr uint32_t kMinClusterBitsExtendedL2 = 14;
constexpr uint32_t kMaxRefcountOrder = 6;
constexpr uint8_t kZlib = 0;
constexpr uint8_t kZstd = 1;
// QEMU's own bounds (block/qcow2.h: QCOW_MAX_L1_SIZE, QCOW_MAX_REFTABLE_SIZE): beyond them it does
// not open an image.
constexpr uint64_t kMaxL1Bytes = uint64_t{32} << 20U;
constexpr uint64_t kMaxRefcountTableBytes = uint64_t{8} << 20U;

constexpr uint32_t kExtensionEnd = 0;
constexpr uint32_t kExtensionDataFile = 0x44415441;
constexpr uint32_t kExtensionEncryption = 0x0537be77;

// Big-endian reads within bounds that the caller has checked.
uint64_t ReadBigEndian(std::string_view bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (const char c : bytes.substr(at, width)) value = value << 8U | static_cast<unsigned char>(c);
  return value;
}
uint32_t ReadU32(std::string_view bytes, size_t at) {
  return static_cast<uint32_t>(ReadBigEndian(bytes, at, 4));
}
uint64_t ReadU64(std::string_view bytes, size_t at) { return ReadBigEndian(bytes, at, 8); }

absl::Status CheckFeatures(std::string_view bytes) {
  const uint64_t features = ReadU64(bytes, kIncompatibleAt);
  if ((features & kDirty) != 0)
    return UnusableImage("is marked dirty; repair it with qemu-img check");
  if ((features & kCorrupt) != 0) return UnusableImage("is marked corrupt");
  if ((features & kExternalDataFile) != 0 ||
      (ReadU64(bytes, kAutoclearAt) & kAutoclearRawDataFile) != 0) {
    return UnusableImage("must not have an external data file");
  }
  if ((features & ~(kCompressionType | kExtendedL2)) != 0) {
    return UnusableImage("has an incompatible feature that is not known");
  }
  const size_t header_length = ReadU32(bytes, kHeaderLengthAt);
  const bool has_type = header_length > kCompressionTypeAt && bytes.size() > kCompressionTypeAt;
  const uint8_t type = has_type ? static_cast<uint8_t>(bytes[kCompressionTypeAt]) : kZlib;
  const uint8_t wanted = (features & kCompressionType) != 0 ? kZstd : kZlib;
  if (type != wanted) return UnusableImage("has a compression type that is not known");
  if (ReadU32(bytes, kCryptMethodAt) != 0) return UnusableImage("must not be encrypted");
  if (ReadU32(bytes, kSnapshotCountAt) != 0) {
    return UnusableImage("must not have internal snapshots");
  }
  return absl::OkStatus();
}

absl::Status CheckTable(std::string_view what, uint64_t offset, uint64_t table_bytes,
                        uint64_t cluster_bytes, uint64_t file_bytes) {
  if (offset == 0 || offset % cluster_bytes != 0 || offset > file_bytes ||
      table_bytes > file_bytes - offset) {
    return UnusableImage(base::StrCat("has its ", what, " outside the file"));
  }
  return absl::OkStatus();
}

absl::Status CheckTables(std::string_view bytes, uint64_t file_bytes) {
  const uint32_t cluster_bits = ReadU32(bytes, kClusterBitsAt);
  const uint64_t cluster_bytes = uint64_t{1} << cluster_bits;
  const bool extended_l2 = (ReadU64(bytes, kIncompatibleAt) & kExtendedL2) != 0;
  if (extended_l2 && cluster_bits < kMinClusterBitsExtendedL2) {
    return UnusableImage("has extended L2 entries and clusters too small for them");
  }
  const uint64_t l2_entries = cluster_bytes / (extended_l2 ? 16 : 8);
  const uint64_t bytes_per_l1_entry = l2_entries * cluster_bytes;
  const uint64_t size = ReadU64(bytes, kSizeAt);
  const uint64_t l1_needed = (size + bytes_per_l1_entry - 1) / bytes_per_l1_entry;
  const uint64_t l1_size = ReadU32(bytes, kL1SizeAt);
  if (l1_size < l1_needed || l1_size > kMaxL1Bytes / 8) {
    return UnusableImage("has an L1 table whose length does not fit its size");
  }
  FLATVM_RETURN_IF_ERROR(
      CheckTable("L1 table", ReadU64(bytes, kL1OffsetAt), l1_size * 8, cluster_bytes, file_bytes));

  const uint64_t refcount_clusters = ReadU32(bytes, kRefcountClustersAt);
  if (refcount_clusters == 0 || refcount_clusters > kMaxRefcountTableBytes / cluster_bytes) {
    return UnusableImage("has a refcount table of an unacceptable length");
  }
  return CheckTable("refcount table", ReadU64(bytes, kRefcountOffsetAt),
                    refcount_clusters * cluster_bytes, cluster_bytes, file_bytes);
}

// The list of extensions after the header, which an end mark must close within the first cluster.
absl::Status CheckExtensions(std::string_view bytes) {
  const size_t cluster_bytes = size_t{1} << ReadU32(bytes, kClusterBitsAt);
  const std::string_view cluster = bytes.substr(0, cluster_bytes);
  size_t at = ReadU32(bytes, kHeaderLengthAt);
  while (at <= cluster.size() && cluster.size() - at >= 8) {
    const uint32_t type = ReadU32(cluster, at);
    const size_t length = ReadU32(cluster, at + 4);
    if (type == kExtensionEnd) return absl::OkStatus();
    if (type == kExtensionDataFile) return UnusableImage("must not have an external data file");
    if (type == kExtensionEncryption) return UnusableImage("must not be encrypted");
    at += 8 + (length + 7) / 8 * 8;  // at most 64 KiB + 2^32: no overflow
  }
  return UnusableImage("has header extensions without an end");
}

}  // namespace

absl::StatusOr<Qcow2Header> ParseQcow2Header(std::string_view beginning, uint64_t file_bytes) {
  const std::string_view bytes = beginning.substr(0, kQcow2HeaderBytes);
  if (bytes.substr(0, kQcow2Magic.size()) != kQcow2Magic) {
    return UnusableImage("is not a qcow2 image");
  }
  if (bytes.size() < kHeaderLengthV3) return UnusableImage("is too short for a qcow2 image");
  if (ReadU32(bytes, kVersionAt) != 3) {
    return UnusableImage("must be qcow2 version 3 (qemu-img: compat=1.1)");
  }
  if (ReadU64(bytes, kBackingFileOffsetAt) != 0) {
    return UnusableImage("must not have a backing file");
  }
  const Qcow2Header header{.virtual_size_bytes = ReadU64(bytes, kSizeAt),
                           .cluster_bits = ReadU32(bytes, kClusterBitsAt)};
  if (header.cluster_bits < kMinClusterBits || header.cluster_bits > kMaxClusterBits) {
    return UnusableImage("has clusters of an unacceptable size");
  }
  if (header.virtual_size_bytes == 0 || header.virtual_size_bytes > kMaxVirtualSizeBytes) {
    return UnusableImage("must have a virtual size of 1 byte to 64 TiB");
  }
  const uint64_t header_length = ReadU32(bytes, kHeaderLengthAt);
  const bool length_fits =
      header_length == kHeaderLengthV3 ||
      (header_length >= kHeaderLengthWithCompression && header_length % 8 == 0 &&
       header_length <= uint64_t{1} << header.cluster_bits && header_length <= bytes.size());
  if (!length_fits) return UnusableImage("has a header of an unacceptable length");
  if (ReadU32(bytes, kRefcountOrderAt) > kMaxRefcountOrder) {
    return UnusableImage("has refcounts of an unacceptable width");
  }
  FLATVM_RETURN_IF_ERROR(CheckFeatures(bytes));
  FLATVM_RETURN_IF_ERROR(CheckTables(bytes, file_bytes));
  FLATVM_RETURN_IF_ERROR(CheckExtensions(bytes));
  return header;
}

}  // namespace flatvm::storage
