#include "daemon/app/broker_settings.h"

#include <chrono>
#include <cstdint>
#include <vector>

#include "daemon/base/cpu_list.h"
#include "daemon/base/durable_file.h"

namespace flatvm::app {
namespace {

// Those a tenant may ask for; empty if the kernel does not say.
std::vector<uint32_t> OnlineCpus() {
  constexpr const char* kFile = "/sys/devices/system/cpu/online";
  constexpr size_t kMaxBytes = 4096;
  auto text = base::ReadFile(kFile, kMaxBytes);
  if (!text.ok()) return {};
  while (text->ends_with('\n')) text->pop_back();
  return base::ParseCpuList(kFile, *text).value_or(std::vector<uint32_t>{});
}

}  // namespace

broker::Settings SettingsOf(const config::Config& config) {
  return broker::Settings{.vmm_overhead_mib = config.vmm_overhead_mib,
                          .front_overhead_mib = config.front_overhead_mib,
                          .create_timeout = std::chrono::milliseconds(config.create_timeout_ms),
                          .shutdown_timeout_ms = config.shutdown_timeout_ms,
                          .carve_timeout = std::chrono::milliseconds(config.carve_timeout_ms),
                          .detach_timeout = std::chrono::milliseconds(config.detach_timeout_ms),
                          .import_expiry = std::chrono::milliseconds(config.import_expiry_ms),
                          .host_cpus = OnlineCpus()};
}

}  // namespace flatvm::app
