// The header of a qcow2 image, read by a small parser of our own so that QEMU's never sees an image
// that names another file or asks for tables out of proportion. Pure: takes bytes, opens nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace flatvm::storage {

// How much of an image's beginning ParseQcow2Header wants, or all of it if it is shorter. The
// header and its extensions take some hundred bytes; QEMU's feature name table is the longest that
// is common.
constexpr size_t kQcow2HeaderBytes = size_t{64} * 1024;

// Virtual sizes up to here are accepted, of qcow2 and raw alike: far above any disk of ours, far
// below any overflow.
constexpr uint64_t kMaxVirtualSizeBytes = uint64_t{64} << 40U;

// The first four bytes of every qcow2 image.
constexpr std::string_view kQcow2Magic = "QFI\xfb";

struct Qcow2Header {
  uint64_t virtual_size_bytes = 0;
  uint32_t cluster_bits = 0;
};

// Accepts version 3 without backing file, external data file, encryption, internal snapshots, the
// dirty or corrupt mark or an incompatible feature that is not known here, with tables bounded as
// QEMU bounds them and lying within `file_bytes`. Errors: FAILED_PRECONDITION / kImageUnusable
// saying what is not acceptable. Source: QEMU, docs/interop/qcow2.txt.
absl::StatusOr<Qcow2Header> ParseQcow2Header(std::string_view beginning, uint64_t file_bytes);

}  // namespace flatvm::storage
