#include "daemon/state/record_fields.h"

#include "daemon/state/record_json.h"

namespace flatvm::state {

int64_t Microseconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

std::chrono::system_clock::time_point TimeOf(int64_t microseconds) {
  return std::chrono::system_clock::time_point(std::chrono::microseconds(microseconds));
}

nlohmann::json ParseObject(std::string_view text) {
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
}

void CheckVersion(FieldReader& reader) {
  const uint32_t version = reader.Number("version");
  if (version == kRecordVersion) return;
  reader.Keep(base::InternalError(
      base::StrCat("version: is ", version, ", but this flatvmd reads ", kRecordVersion)));
}

std::string Dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace flatvm::state
