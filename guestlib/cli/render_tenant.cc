#include "guestlib/cli/render_tenant.h"

#include <vector>

#include "daemon/base/amount_text.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "guestlib/cli/render_json.h"
#include "guestlib/cli/render_text.h"

namespace flatvm::cli {
namespace {

using base::FormatSizeMib;
using base::StrCat;

std::string StateText(const Primary& primary) {
  return StrCat(PrimaryStateName(primary.state),
                primary.needs_restart ? ", needs to be shut down and started again" : "");
}

std::string GrantedMemory(const Primary& primary) {
  if (primary.memory_mib == 0) return "-";  // an older host's
  return StrCat(FormatSizeMib(primary.granted_memory_mib), " granted of ",
                FormatSizeMib(primary.memory_mib));
}

std::string GrantedCpu(const Primary& primary) {
  if (primary.vcpus == 0) return "-";
  return StrCat(primary.granted_cpu_percent, "% granted of ", primary.vcpus,
                primary.vcpus == 1 ? " vCPU" : " vCPUs");
}

std::string CarveText(const Carve& carve) {
  const char* mode = CarveModeName(carve.mode);
  if (carve.primary_min_memory_mib == 0) return mode;
  return StrCat(mode, ", the primary keeps at least ", FormatSizeMib(carve.primary_min_memory_mib));
}

// Those beside the first: "storage (isolated, 10.213.5.0/24), …"; a dash for none.
std::string NetworksText(const Tenant& tenant) {
  std::string text;
  for (const Network& network : tenant.networks) {
    base::StrAppend(&text, text.empty() ? "" : ", ", network.name, " (",
                    NetworkModeName(network.mode), network.subnet.empty() ? "" : ", ",
                    network.subnet, ")");
  }
  return OrDash(text);
}

std::string LimitsText(const Tenant& tenant) {
  const Resources& limits = tenant.limits;
  const Resources& used = tenant.used;
  const Resources& left = tenant.left;
  constexpr const char* kNone = "no limit";
  return StrCat(
      base::RenderTable({"AMOUNT", "LIMIT", "USED", "LEFT"},
                        {{"memory", FormatSizeMib(limits.memory_mib),
                          FormatSizeMib(used.memory_mib), FormatSizeMib(left.memory_mib)},
                         {"vcpus", StrCat(limits.vcpus), StrCat(used.vcpus), StrCat(left.vcpus)},
                         {"vms", StrCat(limits.vms), StrCat(used.vms), StrCat(left.vms)},
                         {"disk", FormatSizeMib(limits.disk_mib), FormatSizeMib(used.disk_mib),
                          FormatSizeMib(left.disk_mib)}}),
      "\n",
      RenderPairs(
          {{"cpus:", tenant.cpus.empty() ? "-" : tenant.cpus},
           {"read:", base::RateText(tenant.io.read_bytes, tenant.io.read_operations, kNone)},
           {"write:", base::RateText(tenant.io.write_bytes, tenant.io.write_operations, kNone)},
           {"carve:", CarveText(tenant.carve)},
           {"way out:", NetworkModeName(tenant.network_mode)},
           {"net out:", base::RateText(tenant.net.out_bytes, 0, kNone)},
           {"net in:", base::RateText(tenant.net.in_bytes, 0, kNone)},
           {"vm net out:", base::RateText(tenant.net.vm_out_bytes, 0, kNone)},
           {"vm net in:", base::RateText(tenant.net.vm_in_bytes, 0, kNone)},
           {"quota disk:",
            tenant.quota_disk_mib == 0 ? "-" : FormatSizeMib(tenant.quota_disk_mib)}}));
}

std::string TimeSpent(std::chrono::microseconds time) {
  return base::CpuTimeText(static_cast<uint64_t>(time.count()));
}

std::vector<std::string> PressureRow(const char* resource, const Pressure& pressure) {
  return {resource, base::PercentText(pressure.some_percent),
          base::PercentText(pressure.full_percent)};
}

std::string UsageText(const Usage& usage) {
  return StrCat(
      "by the kernel's count:\n",
      RenderPairs({{"  memory:", base::ByteText(usage.memory_bytes)},
                   {"  oom kills:", StrCat(usage.oom_kills)},
                   {"  cpu time:", StrCat(TimeSpent(usage.cpu_time), ", throttled ",
                                          TimeSpent(usage.throttled_time))},
                   {"  tasks:", StrCat(usage.tasks)},
                   {"  read:", base::ByteText(usage.read_bytes)},
                   {"  written:", base::ByteText(usage.write_bytes)}}),
      "\n",
      base::RenderTable({"PRESSURE", "SOME", "FULL"}, {PressureRow("memory", usage.memory_pressure),
                                                       PressureRow("cpu", usage.cpu_pressure),
                                                       PressureRow("io", usage.io_pressure)}));
}

}  // namespace

std::string TenantDetails(const Tenant& tenant) {
  const Primary& primary = tenant.primary;
  return StrCat(RenderPairs({{"tenant:", tenant.name},
                             {"primary:", StateText(primary)},
                             {"  cid:", StrCat(primary.cid)},
                             {"  mac:", primary.mac},
                             {"  address:", primary.address},
                             {"  ipv6:", OrDash(primary.ipv6_address)},
                             {"  memory:", GrantedMemory(primary)},
                             {"  cpu:", GrantedCpu(primary)},
                             {"subnet:", tenant.subnet},
                             {"gateway:", tenant.gateway},
                             {"ipv6:", OrDash(tenant.ipv6_subnet)},
                             {"gateway 6:", OrDash(tenant.ipv6_gateway)},
                             {"networks:", NetworksText(tenant)},
                             {"overhead:", StrCat(FormatSizeMib(tenant.vmm_overhead_mib), " a VM")},
                             {"created:", TimeText(tenant.created_at)}}),
                "\n", LimitsText(tenant), tenant.usage.has_value() ? "\n" : "",
                tenant.usage.has_value() ? UsageText(*tenant.usage) : "");
}

}  // namespace flatvm::cli
