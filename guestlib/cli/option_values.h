// What a word after an option means: text to numbers. Ranges are the host's to check. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "flatvm/image.h"
#include "flatvm/result.h"

namespace flatvm::cli {

// Bad words on the command line: INVALID_ARGUMENT.
Error UsageError(Reason reason, std::string message, std::string field = "");

// Errors of each: INVALID_ARGUMENT naming `option`, with kFieldMalformed or, for what is too large,
// kFieldOutOfRange.

// A whole number.
Result<uint32_t> ParseCount(const std::string& option, const std::string& text);

// "192MiB", in MiB.
Result<uint32_t> ParseSize(const std::string& option, const std::string& text);

// "90s"; not 0 (kFieldOutOfRange).
Result<std::chrono::milliseconds> ParseTimeout(const std::string& option, const std::string& text);

// "raw" or "qcow2", or where `word` is not given what the ending of `path` says: .raw, .img or
// .qcow2. Errors name "--format", also with kFieldMissing.
Result<ImageFormat> ParseImageFormat(const std::optional<std::string>& word,
                                     const std::string& path);

// The file's name without its ending, if an image may be called so. Errors: kFieldMissing naming
// "--name".
Result<std::string> ImageNameFor(const std::string& path);

}  // namespace flatvm::cli
