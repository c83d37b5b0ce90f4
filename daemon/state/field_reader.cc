#include "daemon/state/field_reader.h"

#include <limits>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::state {
namespace {

const nlohmann::json& EmptyObject() {
  static const nlohmann::json* const kEmpty = new nlohmann::json(nlohmann::json::object());
  return *kEmpty;
}

}  // namespace

FieldReader::FieldReader(const nlohmann::json& object, std::string path)
    : object_(&object), path_(std::move(path)) {
  if (object.is_object()) return;
  object_ = &EmptyObject();
  Keep(base::InternalError(base::StrCat(path_, ": must be an object")));
}

void FieldReader::Keep(const absl::Status& status) {
  if (status_.ok()) status_ = status;
}

const nlohmann::json* FieldReader::Find(const char* key, const char* type) {
  const auto it = object_->find(key);
  if (it != object_->end()) return &*it;
  Keep(base::InternalError(base::StrCat(path_, key, ": is missing, must be ", type)));
  return nullptr;
}

std::string FieldReader::Text(const char* key) {
  const nlohmann::json* value = Find(key, "a string");
  if (value == nullptr) return "";
  if (const auto* text = value->get_ptr<const std::string*>()) return *text;
  Keep(base::InternalError(base::StrCat(path_, key, ": must be a string")));
  return "";
}

bool FieldReader::Flag(const char* key) {
  const nlohmann::json* value = Find(key, "true or false");
  if (value == nullptr) return false;
  if (const auto* flag = value->get_ptr<const nlohmann::json::boolean_t*>()) return *flag;
  Keep(base::InternalError(base::StrCat(path_, key, ": must be true or false")));
  return false;
}

std::string FieldReader::OptionalText(const char* key) {
  return object_->contains(key) ? Text(key) : "";
}

bool FieldReader::OptionalFlag(const char* key) { return object_->contains(key) && Flag(key); }

std::vector<std::string> FieldReader::OptionalTexts(const char* key) {
  std::vector<std::string> texts;
  const auto array = object_->find(key);
  if (array == object_->end()) return texts;
  if (!array->is_array()) Keep(base::InternalError(base::StrCat(path_, key, ": must be an array")));
  for (const nlohmann::json& item : *array) {
    if (const auto* text = item.get_ptr<const std::string*>()) {
      texts.push_back(*text);
    } else {
      Keep(base::InternalError(base::StrCat(path_, key, "[", texts.size(), "]: must be a string")));
    }
  }
  return texts;
}

int64_t FieldReader::BigNumber(const char* key) {
  const nlohmann::json* value = Find(key, "a whole number");
  if (value == nullptr) return 0;
  if (const auto* big = value->get_ptr<const nlohmann::json::number_unsigned_t*>()) {
    if (*big <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return static_cast<int64_t>(*big);
    }
  } else if (const auto* number = value->get_ptr<const nlohmann::json::number_integer_t*>()) {
    return *number;
  }
  Keep(base::InternalError(base::StrCat(path_, key, ": must be a whole number")));
  return 0;
}

uint32_t FieldReader::Number(const char* key) {
  const int64_t number = BigNumber(key);
  if (number >= 0 && number <= std::numeric_limits<uint32_t>::max()) {
    return static_cast<uint32_t>(number);
  }
  Keep(base::InternalError(base::StrCat(path_, key, ": must be 0..4294967295")));
  return 0;
}

uint32_t FieldReader::OptionalNumber(const char* key) {
  return object_->contains(key) ? Number(key) : 0;
}

FieldReader FieldReader::Object(const char* key) {
  const nlohmann::json* value = Find(key, "an object");
  return FieldReader(value == nullptr ? EmptyObject() : *value, base::StrCat(path_, key, "."));
}

std::vector<FieldReader> FieldReader::Objects(const char* key) {
  std::vector<FieldReader> readers;
  const nlohmann::json* value = Find(key, "an array");
  if (value == nullptr) return readers;
  if (!value->is_array()) Keep(base::InternalError(base::StrCat(path_, key, ": must be an array")));
  for (const nlohmann::json& item : *value) {
    readers.emplace_back(item, base::StrCat(path_, key, "[", readers.size(), "]."));
  }
  return readers;
}

}  // namespace flatvm::state
