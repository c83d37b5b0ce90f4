#include "daemon/imports/import_unit.h"

#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "daemon/systemd/sandbox.h"

namespace flatvm::imports {
namespace {

// Itself, and some of what it wrote: it keeps little of that in the page cache.
constexpr uint64_t kMemoryMaxBytes = 96 * base::kMebibyte;
// One that flatvmd lost does not stay for ever; a longer import gets another.
constexpr uint64_t kRuntimeMaxUs = uint64_t{86'400} * 1'000'000;

}  // namespace

std::string ImportUnitName(const std::string& tenant, const std::string& image_id) {
  return base::StrCat("flatvm-import-", base::EscapeUnitComponent(tenant), "-", image_id,
                      ".service");
}

std::vector<systemd::UnitProperty> ImportUnitProperties(const ImportUnit& unit) {
  std::vector<systemd::UnitProperty> properties = {
      {"Description", base::StrCat("flatvm import of tenant ", unit.tenant)},
      {"Type", std::string("exec")},
      {"ExecStart", systemd::ExecCommand{{unit.program, "--tenant", unit.tenant}}},
      {"StandardInputFileDescriptor", systemd::Handle{unit.link}},
      {"StandardOutput", std::string("journal")},
      {"StandardError", std::string("journal")},
      {"SyslogIdentifier", std::string("flatvm-import")},
      {"CollectMode", std::string("inactive-or-failed")},
      {"RuntimeMaxUSec", kRuntimeMaxUs},
      {"TimeoutStopUSec", uint64_t{2'000'000}},  // it holds no state: then SIGKILL
      {"Slice", base::StrCat("flatvm-", base::EscapeUnitComponent(unit.tenant), ".slice")},
      {"TasksMax", uint64_t{4}},
      {"LimitNOFILE", uint64_t{32}},
      {"LimitFSIZE", unit.size_bytes},
      {"LimitCORE", uint64_t{0}},  // a core holds what guests said
      {"OOMPolicy", std::string("kill")},
      {"OOMScoreAdjust", int32_t{900}},  // before any VM
      {"MemoryMax", kMemoryMaxBytes},
      {"MemorySwapMax", uint64_t{0}},
  };
  const std::vector<systemd::UnitProperty> sandbox = systemd::SandboxProperties();
  properties.insert(properties.end(), sandbox.begin(), sandbox.end());
  return properties;
}

}  // namespace flatvm::imports
