// Reads the fields of one JSON object by name and type, without exceptions; the first thing that is
// wrong is kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace flatvm::state {

// Thread-compatible. A missing or mistyped field reads as zero or "" and makes status() an error
// naming its path.
class FieldReader {
 public:
  // `object` outlives the reader; `path` is put in front of field names in errors, such as "spec.".
  FieldReader(const nlohmann::json& object, std::string path);

  // Whether the object has it at all.
  bool Has(const char* key) const { return object_->contains(key); }
  std::string Text(const char* key);
  bool Flag(const char* key);
  uint32_t Number(const char* key);
  // 0, and no error, if it is missing: for fields that earlier records lack.
  uint32_t OptionalNumber(const char* key);
  int64_t BigNumber(const char* key);
  // The object below `key`; an empty one if it is missing.
  FieldReader Object(const char* key);
  // The objects of the array below `key`.
  std::vector<FieldReader> Objects(const char* key);
  // As Text and Flag, and an array of texts; empty or false, and nothing wrong, if the field is
  // missing: for those that records of an older flatvm do not have.
  std::string OptionalText(const char* key);
  bool OptionalFlag(const char* key);
  std::vector<std::string> OptionalTexts(const char* key);
  // Takes over what another reader found wrong.
  void Keep(const FieldReader& other) { Keep(other.status_); }
  void Keep(const absl::Status& status);

  const absl::Status& status() const { return status_; }

 private:
  const nlohmann::json* Find(const char* key, const char* type);

  const nlohmann::json* object_;
  std::string path_;
  absl::Status status_;
};

}  // namespace flatvm::state
