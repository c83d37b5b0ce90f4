// What every record's JSON has in common: version, names of states, times, the text itself. Private
// to the room.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/state/field_reader.h"
#include "nlohmann/json.hpp"

namespace flatvm::state {

using Json = nlohmann::ordered_json;

// A state, or another enumerator, and its name in a record.
template <typename State, size_t n>
using StateNames = std::array<std::pair<State, std::string_view>, n>;

// `names` has every state.
template <typename State, size_t n>
std::string NameOf(const StateNames<State, n>& names, State state) {
  const auto it = std::find_if(names.begin(), names.end(),
                               [state](const auto& entry) { return entry.first == state; });
  return std::string(it->second);
}

// The first of `names`, and an error kept by `reader`, if the field is none of them.
template <typename State, size_t n>
State ValueOf(const StateNames<State, n>& names, const char* key, FieldReader& reader) {
  const std::string text = reader.Text(key);
  for (const auto& [state, name] : names) {
    if (name == text) return state;
  }
  reader.Keep(base::InternalError(
      base::StrCat(key, ": \"", base::EscapeForLog(text, 40), "\" is unknown")));
  return names[0].first;
}

int64_t Microseconds(std::chrono::system_clock::time_point time);
std::chrono::system_clock::time_point TimeOf(int64_t microseconds);

// The parsed object; a discarded value (which FieldReader refuses) when `text` is no JSON.
nlohmann::json ParseObject(std::string_view text);

// An error kept by `reader` unless the record is of kRecordVersion.
void CheckVersion(FieldReader& reader);

// Guest-chosen text is ASCII by validation; should anything else ever get here it is replaced, not
// thrown over.
std::string Dump(const Json& json);

}  // namespace flatvm::state
