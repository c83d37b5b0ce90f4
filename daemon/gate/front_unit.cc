#include "daemon/gate/front_unit.h"

#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/systemd/sandbox.h"

namespace flatvm::gate {
namespace {

constexpr std::string_view kPrefix = "flatvm-front-";
constexpr std::string_view kSuffix = ".service";

using systemd::ExecCommand;
using systemd::Handle;
using systemd::UnitProperty;

// What runs, where, and how it ends.
std::vector<UnitProperty> LifeProperties(const FrontUnit& unit) {
  return {
      {"Description", base::StrCat("flatvm front of tenant ", unit.tenant)},
      {"Type", std::string("exec")},  // the start fails if the program cannot be executed
      {"ExecStart", ExecCommand{{unit.program, "--tenant", unit.tenant}}},
      {"StandardInputFileDescriptor", Handle{unit.link}},
      {"StandardOutput", std::string("journal")},
      {"StandardError", std::string("journal")},
      {"SyslogIdentifier", std::string("flatvm-front")},
      {"CollectMode", std::string("inactive-or-failed")},  // nothing of it stays
      {"TimeoutStopUSec", uint64_t{2'000'000}},            // it holds no state: then SIGKILL
  };
}

// Its share of the tenant's slice. Under pressure the front goes before any VM does.
std::vector<UnitProperty> ResourceProperties(const FrontUnit& unit) {
  std::vector<UnitProperty> properties = {
      {"Slice", base::StrCat("flatvm-", base::EscapeUnitComponent(unit.tenant), ".slice")},
      {"TasksMax", uint64_t{64}},
      {"LimitNOFILE", uint64_t{256}},
      {"LimitCORE", uint64_t{0}},  // a core holds what guests said
      {"OOMPolicy", std::string("kill")},
      {"OOMScoreAdjust", int32_t{900}},
      {"MemorySwapMax", uint64_t{0}},
  };
  if (unit.memory_max_bytes > 0) properties.push_back({"MemoryMax", unit.memory_max_bytes});
  return properties;
}

}  // namespace

std::string FrontUnitName(const std::string& tenant) {
  return base::StrCat(kPrefix, base::EscapeUnitComponent(tenant), kSuffix);
}

std::string TenantOfFrontUnit(const std::string& unit) {
  if (!unit.starts_with(kPrefix) || !unit.ends_with(kSuffix) ||
      unit.size() <= kPrefix.size() + kSuffix.size()) {
    return "";
  }
  constexpr std::string_view kDash = "\\x2d";  // the only escape that a tenant's name needs
  std::string tenant = unit.substr(kPrefix.size(), unit.size() - kPrefix.size() - kSuffix.size());
  for (size_t at = tenant.find(kDash); at != std::string::npos; at = tenant.find(kDash)) {
    tenant.replace(at, kDash.size(), "-");
  }
  return base::IsName(tenant) && FrontUnitName(tenant) == unit ? tenant : "";
}

std::vector<systemd::UnitProperty> FrontUnitProperties(const FrontUnit& unit) {
  std::vector<UnitProperty> properties = LifeProperties(unit);
  for (const std::vector<UnitProperty>& more :
       {ResourceProperties(unit), systemd::SandboxProperties(),
        systemd::StopAtProperties(unit.stop_at)}) {
    properties.insert(properties.end(), more.begin(), more.end());
  }
  return properties;
}

}  // namespace flatvm::gate
