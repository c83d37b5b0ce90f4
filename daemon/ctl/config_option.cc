#include "daemon/ctl/config_option.h"

#include <unistd.h>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/config/parse_config.h"

namespace flatvm::ctl {
namespace {

constexpr const char* kConfigPath = "/etc/flatvm/flatvmd.json";

}  // namespace

absl::StatusOr<config::Config> LoadConfigOption(const std::string& path) {
  if (path.empty()) return config::LoadConfig(kConfigPath);
  if (::access(path.c_str(), F_OK) != 0) {
    return base::FieldError(base::Reason::kFieldMalformed, "--config",
                            base::StrCat("there is no file ", path));
  }
  return config::LoadConfig(path);
}

}  // namespace flatvm::ctl
