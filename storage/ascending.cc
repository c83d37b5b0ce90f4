#include "storage/ascending.h"

#include <cstddef>
#include <iterator>
#include <map>

namespace flatvm::storage {
namespace {

constexpr size_t kNone = SIZE_MAX;

// The heaviest chain that ends with an extent.
struct Chain {
  uint64_t bytes = 0;
  size_t last = kNone;
};

}  // namespace

AscendingSplit SplitAscending(const std::vector<Extent>& extents) {
  std::vector<size_t> before(extents.size(), kNone);
  // By where the last extent lies on the disk; what lies behind has more bytes.
  std::map<uint64_t, Chain> chains;
  for (size_t i = 0; i < extents.size(); ++i) {
    auto behind = chains.upper_bound(extents[i].disk_offset);
    Chain chain{.bytes = extents[i].length, .last = i};
    if (behind != chains.begin()) {
      const Chain& heaviest = std::prev(behind)->second;
      chain.bytes += heaviest.bytes;
      before[i] = heaviest.last;
    }
    while (behind != chains.end() && behind->second.bytes <= chain.bytes) {
      behind = chains.erase(behind);
    }
    chains.insert_or_assign(extents[i].disk_offset, chain);
  }
  std::vector<bool> kept(extents.size(), false);
  size_t next = chains.empty() ? kNone : std::prev(chains.end())->second.last;
  for (; next != kNone; next = before[next]) kept[next] = true;
  AscendingSplit split;
  for (size_t i = 0; i < extents.size(); ++i) {
    (kept[i] ? split.kept : split.strays).push_back(extents[i]);
    if (!kept[i]) split.stray_bytes += extents[i].length;
  }
  return split;
}

}  // namespace flatvm::storage
