// The beginning of an image of any bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/qcow2_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // As long as the bytes, and as long as any table could want.
  for (const uint64_t file_bytes : {uint64_t{size}, ~uint64_t{0}}) {
    const auto header = flatvm::storage::ParseQcow2Header(bytes, file_bytes);
    if (!header.ok()) continue;
    const bool fits = header->virtual_size_bytes > 0 &&
                      header->virtual_size_bytes <= flatvm::storage::kMaxVirtualSizeBytes &&
                      header->cluster_bits >= 9 && header->cluster_bits <= 21;
    if (!fits) std::abort();
  }
  return 0;
}
