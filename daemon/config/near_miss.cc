#include "daemon/config/near_miss.h"

#include <algorithm>
#include <numeric>

namespace flatvm::config {

size_t EditDistance(std::string_view a, std::string_view b) {
  // row[j]: distance of a's first i bytes to b's first j.
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string NearMiss(std::string_view text, const std::vector<std::string>& candidates) {
  constexpr size_t kLongest = 64;  // nothing longer is near any key; bounds the work
  std::string nearest;
  if (text.size() > kLongest) return nearest;
  size_t best = std::max<size_t>(1, text.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(text, candidate);
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace flatvm::config
