// A value, or the Error why there is none.
#pragma once

#include <cstdlib>
#include <utility>
#include <variant>

#include "flatvm/error.h"

namespace flatvm {

// Holds exactly one of the two. Asking for the one that it does not hold ends the program
// (std::abort): ask ok() first. Thread-compatible.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that a function returns either as it is.
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }

  const T& value() const& { return *Held<0>(&held_); }
  T& value() & { return *Held<0>(&held_); }
  T&& value() && { return std::move(*Held<0>(&held_)); }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

  const Error& error() const& { return *Held<1>(&held_); }
  Error&& error() && { return std::move(*Held<1>(&held_)); }

 private:
  template <size_t kIndex, typename Variant>
  static auto* Held(Variant* held) {
    auto* found = std::get_if<kIndex>(held);
    if (found == nullptr) std::abort();
    return found;
  }

  std::variant<T, Error> held_;
};

}  // namespace flatvm
