// absl::StrCat for std::string_view. Debian builds abseil with a string_view of its own, which does
// not convert from the standard one; this header is the only place that knows.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace flatvm::base {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

// The text of a status, as a standard view into it.
inline std::string_view Message(const absl::Status& status) { return ToStd(status.message()); }

namespace internal {

template <typename T>
decltype(auto) StrCatArgument(const T& value) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return ToAbsl(std::string_view(value));
  } else {
    return (value);
  }
}

}  // namespace internal

// As absl::StrCat and absl::StrAppend; arguments may be std::string_view too.
template <typename... Args>
std::string StrCat(const Args&... args) {
  return absl::StrCat(internal::StrCatArgument(args)...);
}

template <typename... Args>
void StrAppend(std::string* target, const Args&... args) {
  absl::StrAppend(target, internal::StrCatArgument(args)...);
}

}  // namespace flatvm::base
