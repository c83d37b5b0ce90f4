#include "daemon/config/parse_config.h"

#include <charconv>
#include <utility>
#include <vector>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/config/config_fields.h"
#include "daemon/config/near_miss.h"
#include "daemon/config/read_field.h"
#include "daemon/config/strict_json.h"

namespace flatvm::config {
namespace {

using Json = nlohmann::json;
using base::FieldError;
using base::Reason;

// Gathers what is wrong, to say it all at once.
class Problems {
 public:
  void Add(absl::Status status) {
    if (!status.ok()) found_.push_back(std::move(status));
  }
  bool empty() const { return found_.empty(); }

  // The first one's code and field, everyone's text.
  absl::Status Join() const {
    std::string text;
    for (const absl::Status& status : found_) {
      base::StrAppend(&text, text.empty() ? "" : "; ", base::Message(status));
    }
    return base::MakeError(found_.front().code(), base::GetErrorInfo(found_.front()), text);
  }

 private:
  std::vector<absl::Status> found_;
};

const ConfigField* FindField(std::string_view section, std::string_view key) {
  for (const ConfigField& field : ConfigFields()) {
    if (field.section == section && field.key == key) return &field;
  }
  return nullptr;
}

// What could stand instead of an unknown key: one spelt much like it in the same place, or the very
// same one in another section. "" if nothing comes near.
std::string SuggestionFor(std::string_view section, std::string_view key) {
  std::vector<std::string> here;
  for (const ConfigField& field : ConfigFields()) {
    if (field.section == section) here.emplace_back(field.key);
    if (section.empty() && !field.section.empty()) here.emplace_back(field.section);
  }
  const std::string nearest = NearMiss(key, here);
  if (!nearest.empty()) return section.empty() ? nearest : base::StrCat(section, ".", nearest);
  for (const ConfigField& field : ConfigFields()) {
    if (field.key == key) return field.Path();
  }
  return "";
}

absl::Status UnknownKey(std::string_view section, std::string_view key) {
  const std::string name = base::EscapeForLog(key, 60);
  const std::string path = section.empty() ? name : base::StrCat(section, ".", name);
  const std::string suggestion = SuggestionFor(section, key);
  return FieldError(Reason::kFieldMalformed, path,
                    suggestion.empty()
                        ? std::string("is not a known key")
                        : base::StrCat("is not a known key; did you mean \"", suggestion, "\"?"));
}

void ReadSection(std::string_view section, const Json& object, Config* config, Problems* problems) {
  for (const auto& [key, value] : object.items()) {
    if (section.empty() && IsSection(key)) {
      if (value.is_object()) {
        ReadSection(key, value, config, problems);
      } else {
        problems->Add(FieldError(Reason::kFieldMalformed, key,
                                 base::StrCat("must be an object, not ", value.type_name())));
      }
      continue;
    }
    const ConfigField* field = FindField(section, key);
    problems->Add(field == nullptr ? UnknownKey(section, key) : ReadField(*field, value, config));
  }
}

// What no value can be wrong in alone. Only asked when each is right by itself.
void CheckTogether(const Config& config, Problems* problems) {
  if (config.cid_first > config.cid_last) {
    problems->Add(FieldError(
        Reason::kFieldOutOfRange, "cids.first",
        base::StrCat("is ", config.cid_first, ", above cids.last, which is ", config.cid_last)));
  }
  const std::string& pool = config.subnet_pool;
  const size_t slash = pool.find('/');
  uint32_t pool_bits = 0;
  // ReadField let nothing through that does not end in "/<number>"; a default does too.
  std::from_chars(pool.data() + slash + 1, pool.data() + pool.size(), pool_bits);
  if (config.subnet_prefix_length < pool_bits) {
    problems->Add(FieldError(
        Reason::kFieldOutOfRange, "network.subnet_prefix_length",
        base::StrCat("is ", config.subnet_prefix_length,
                     ": a tenant's subnet would be larger than network.subnet_pool, which is ",
                     pool)));
  }
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view text) {
  FLATVM_ASSIGN_OR_RETURN(const Json root, ParseStrictJson(text));
  if (!root.is_object()) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, Reason::kFieldMalformed,
                           base::StrCat("must be a JSON object, not ", root.type_name()));
  }
  Config config;
  Problems problems;
  ReadSection("", root, &config, &problems);
  if (problems.empty()) CheckTogether(config, &problems);
  if (!problems.empty()) return problems.Join();
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  constexpr size_t kMaxBytes = size_t{1} << 20U;
  const absl::StatusOr<std::string> text = base::ReadFile(path, kMaxBytes);
  if (absl::IsNotFound(text.status())) return Config{};
  if (!text.ok()) return text.status();
  absl::StatusOr<Config> config = ParseConfig(*text);
  if (!config.ok()) return base::WithContext(config.status(), path);
  return config;
}

std::string DescribeConfig(const Config& config) {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  for (const ConfigField& field : ConfigFields()) {
    if (field.section.empty()) {
      root.emplace(field.key, WriteField(field, config));
      continue;
    }
    auto section = root.emplace(field.section, nlohmann::ordered_json::object()).first;
    section->emplace(field.key, WriteField(field, config));
  }
  constexpr int kIndent = 2;
  return root.dump(kIndent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace flatvm::config
