// Bytes and files of catalog images, for tests.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace flatvm::storage {

inline void PutBigEndian(std::string* bytes, size_t at, size_t width, uint64_t value) {
  for (size_t i = 0; i < width; ++i) {
    (*bytes)[at + i] = static_cast<char>(value >> (8 * (width - 1 - i)));
  }
}

// A qcow2 image as qemu-img makes it: 64 KiB clusters, header, refcount table, refcount block, L1
// table of one entry.
inline std::string SmallQcow2(uint64_t virtual_size_bytes = uint64_t{64} << 20U) {
  constexpr size_t kCluster = 65536;
  std::string bytes(3 * kCluster + 8, '\0');
  bytes.replace(0, 4, "QFI\xfb");
  PutBigEndian(&bytes, 4, 4, 3);    // version
  PutBigEndian(&bytes, 20, 4, 16);  // cluster_bits
  PutBigEndian(&bytes, 24, 8, virtual_size_bytes);
  PutBigEndian(&bytes, 36, 4, 1);             // l1_size
  PutBigEndian(&bytes, 40, 8, 3 * kCluster);  // l1_table_offset
  PutBigEndian(&bytes, 48, 8, kCluster);      // refcount_table_offset
  PutBigEndian(&bytes, 56, 4, 1);             // refcount_table_clusters
  PutBigEndian(&bytes, 96, 4, 4);             // refcount_order
  PutBigEndian(&bytes, 100, 4, 112);          // header_length
  return bytes;
}

inline void WriteTestFile(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace flatvm::storage
