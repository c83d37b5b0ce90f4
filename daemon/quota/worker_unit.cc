#include "daemon/quota/worker_unit.h"

#include <cstdint>

#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/systemd/sandbox.h"

namespace flatvm::quota {

std::string WorkerUnitName(const std::string& tenant) {
  return base::StrCat("flatvm-quota-", base::EscapeUnitComponent(tenant), ".service");
}

std::vector<systemd::UnitProperty> WorkerUnitProperties(const WorkerUnit& unit) {
  std::vector<systemd::UnitProperty> properties = {
      {"Description", base::StrCat("flatvm quota worker of tenant ", unit.tenant)},
      {"Type", std::string("exec")},
      {"ExecStart", systemd::ExecCommand{{unit.program, "--tenant", unit.tenant}}},
      {"StandardInputFileDescriptor", systemd::Handle{unit.link}},
      {"StandardOutput", std::string("journal")},
      {"StandardError", std::string("journal")},
      {"SyslogIdentifier", std::string("flatvm-quota")},
      {"CollectMode", std::string("inactive-or-failed")},
      {"TimeoutStopUSec", uint64_t{2'000'000}},  // it holds no state: then SIGKILL
      {"Slice", base::StrCat("flatvm-", base::EscapeUnitComponent(unit.tenant), ".slice")},
      {"TasksMax", uint64_t{16}},
      {"LimitNOFILE", uint64_t{64}},
      {"LimitCORE", uint64_t{0}},
      {"OOMPolicy", std::string("kill")},
      {"OOMScoreAdjust", int32_t{900}},  // before any VM
      {"MemorySwapMax", uint64_t{0}},
  };
  for (const std::vector<systemd::UnitProperty>& more :
       {systemd::SandboxProperties(), systemd::StopAtProperties(unit.stop_at)}) {
    properties.insert(properties.end(), more.begin(), more.end());
  }
  return properties;
}

}  // namespace flatvm::quota
