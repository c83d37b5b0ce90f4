// "Did you mean …?" for a mistyped key.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace flatvm::config {

// How many insertions, deletions and replacements of single bytes turn `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b);

// The candidate nearest to `text` that is near enough to be what was meant, or "".
std::string NearMiss(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace flatvm::config
