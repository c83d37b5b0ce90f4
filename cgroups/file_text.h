// What the kernel's text files are made of: lines, words, numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::cgroups {

// The whole of `text` as a decimal number.
std::optional<uint64_t> ParseNumber(std::string_view text);

// Takes from `rest` what comes before the next `separator`, and that; all of it if there is none.
std::string_view TakePart(std::string_view* rest, char separator);

// Takes the newline that ends a file of one line. False if there is none.
bool ChopNewline(std::string_view* text);

// INTERNAL saying that a file holds `content`, which is no `what`.
absl::Status Malformed(std::string_view content, std::string_view what);

// The number of `key` in lines of "<key> <number>" (cgroup-v2.rst, "flat keyed"); none if it is not
// among them. INTERNAL if a line is of another form.
absl::StatusOr<std::optional<uint64_t>> FindKeyedNumber(std::string_view content,
                                                        std::string_view key);

// As FindKeyedNumber, and INTERNAL if the key is not there.
absl::StatusOr<uint64_t> ParseKeyedNumber(std::string_view content, std::string_view key);

}  // namespace flatvm::cgroups
