#include "daemon/ctl/render_tenant.h"

#include <algorithm>
#include <vector>

#include "daemon/base/amount_text.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "daemon/ctl/render_json.h"
#include "daemon/ctl/render_text.h"

namespace flatvm::ctl {
namespace {

using base::EscapeForTerminal;
using base::FormatSizeMib;
using base::StrAppend;
using base::StrCat;
using Rows = std::vector<std::vector<std::string>>;

std::string PrimaryState(const v1::Primary& primary) {
  return StrCat(StateName(primary.state()), primary.needs_restart() ? ", needs a restart" : "");
}

std::string GrantedMemory(const v1::Primary& primary) {
  if (primary.memory_mib() == 0) return "-";  // an older daemon's
  return StrCat(FormatSizeMib(primary.granted_memory_mib()), " granted of ",
                FormatSizeMib(primary.memory_mib()));
}

std::string GrantedCpu(const v1::Primary& primary) {
  if (primary.vcpus() == 0) return "-";
  return StrCat(primary.granted_cpu_percent(), "% granted of ", primary.vcpus(),
                primary.vcpus() == 1 ? " vCPU" : " vCPUs");
}

std::string CpusText(const v1::Tenant& tenant) {
  return tenant.cpus().empty() ? "all" : tenant.cpus();
}

std::string CarveText(const v1::Carve& carve) {
  const char* mode = CarveModeName(carve.mode());
  if (carve.primary_min_memory_mib() == 0) return mode;
  return StrCat(mode, ", the primary keeps at least ",
                FormatSizeMib(carve.primary_min_memory_mib()));
}

// As --forward takes them.
std::string ForwardsText(const v1::Tenant& tenant) {
  std::string text;
  for (const v1::PortForward& forward : tenant.forwards()) {
    StrAppend(&text, text.empty() ? "" : ",", ProtocolName(forward.protocol()), ":",
              forward.host_port(), "=", forward.machine(), ":", forward.port());
  }
  return text.empty() ? "none" : text;
}

// "storage (isolated, 10.213.5.0/24), …"; a dash for none.
std::string NetworksText(const v1::Tenant& tenant) {
  std::string text;
  for (const v1::Network& network : tenant.networks()) {
    StrAppend(&text, text.empty() ? "" : ", ", network.name(), " (",
              NetworkModeName(network.mode()), ", ",
              network.mode() == v1::NETWORK_BRIDGE ? BridgeText(network) : network.subnet(), ")");
  }
  return OrDash(text);
}

std::string ReadText(const v1::IoLimits& io, const char* none) {
  return base::RateText(io.read_bytes(), io.read_operations(), none);
}

std::string WriteText(const v1::IoLimits& io, const char* none) {
  return base::RateText(io.write_bytes(), io.write_operations(), none);
}

std::string LimitTable(const v1::Tenant& tenant) {
  const v1::Resources& limits = tenant.limits();
  const v1::Resources& used = tenant.used();
  const v1::Resources& left = tenant.left();
  return base::RenderTable(
      {"AMOUNT", "LIMIT", "USED", "LEFT"},
      {{"memory", FormatSizeMib(limits.memory_mib()), FormatSizeMib(used.memory_mib()),
        FormatSizeMib(left.memory_mib())},
       {"vcpus", StrCat(limits.vcpus()), StrCat(used.vcpus()), StrCat(left.vcpus())},
       {"vms", StrCat(limits.vms()), StrCat(used.vms()), StrCat(left.vms())},
       {"disk", FormatSizeMib(limits.disk_mib()), FormatSizeMib(used.disk_mib()),
        FormatSizeMib(left.disk_mib())}});
}

std::vector<std::string> PressureRow(const char* resource, const v1::Pressure& pressure) {
  return {resource, base::PercentText(pressure.some_percent()),
          base::PercentText(pressure.full_percent())};
}

std::string UsageText(const v1::Usage& usage) {
  return StrCat(
      "by the kernel's count:\n",
      RenderPairs({{"  memory:", base::ByteText(usage.memory_bytes())},
                   {"  oom kills:", StrCat(usage.oom_kills())},
                   {"  cpu time:", StrCat(base::CpuTimeText(usage.cpu_us()), ", throttled ",
                                          base::CpuTimeText(usage.throttled_us()))},
                   {"  tasks:", StrCat(usage.tasks())},
                   {"  read:", base::ByteText(usage.read_bytes())},
                   {"  written:", base::ByteText(usage.write_bytes())}}),
      "\n",
      base::RenderTable(
          {"PRESSURE", "SOME", "FULL"},
          {PressureRow("memory", usage.memory_pressure()), PressureRow("cpu", usage.cpu_pressure()),
           PressureRow("io", usage.io_pressure())}));
}

std::string NetText(uint64_t bytes) { return base::RateText(bytes, 0, "no limit"); }

std::string TrafficText(const v1::Traffic& traffic) {
  const v1::Exceeded& exceeded = traffic.exceeded();
  return StrCat(
      "frames of its machines:\n",
      RenderPairs({{"  accepted:", StrCat(traffic.accepted())},
                   {"  spoofed:", StrCat(traffic.spoofed())},
                   {"  refused:", StrCat(traffic.refused())},
                   {"  exceeded:",
                    StrCat("net out ", exceeded.out(), ", net in ", exceeded.in(), ", vm net out ",
                           exceeded.vm_out(), ", vm net in ", exceeded.vm_in())}}));
}

// What it means that more is in use than the limits allow.
std::string ExcessMeaning(const v1::UpdateTenantRequest& request,
                          const v1::UpdateTenantResponse& answer) {
  if (request.validate_only() && !request.force()) {
    return "more is in use than these limits allow; without --force this is refused:";
  }
  const bool memory =
      std::any_of(answer.excess().begin(), answer.excess().end(),
                  [](const v1::Excess& excess) { return excess.limit() == "memory_mib"; });
  return StrCat("more is in use than these limits allow; nothing new fits until it is given back",
                memory ? ", and the kernel may kill VMs of the tenant:" : ":");
}

}  // namespace

std::string TenantTable(const google::protobuf::RepeatedPtrField<v1::Tenant>& tenants) {
  if (tenants.empty()) return "no tenants\n";
  Rows rows;
  for (const v1::Tenant& tenant : tenants) {
    const v1::Resources& limits = tenant.limits();
    const v1::Resources& used = tenant.used();
    rows.push_back(
        {tenant.name(), tenant.primary().domain(), PrimaryState(tenant.primary()),
         StrCat(FormatSizeMib(used.memory_mib()), "/", FormatSizeMib(limits.memory_mib())),
         StrCat(used.vcpus(), "/", limits.vcpus()), StrCat(used.vms(), "/", limits.vms()),
         StrCat(FormatSizeMib(used.disk_mib()), "/", FormatSizeMib(limits.disk_mib())),
         CpusText(tenant), ReadText(tenant.io(), "-"), WriteText(tenant.io(), "-"),
         CarveModeName(tenant.carve().mode()), tenant.subnet()});
  }
  return base::RenderTable({"TENANT", "PRIMARY", "STATE", "MEMORY", "VCPUS", "VMS", "DISK", "CPUS",
                            "READ", "WRITE", "CARVE", "SUBNET"},
                           rows);
}

std::string TenantDetails(const v1::Tenant& tenant) {
  const v1::Primary& primary = tenant.primary();
  return StrCat(
      RenderPairs({{"tenant:", tenant.name()},
                   {"primary:", primary.domain()},
                   {"  state:", PrimaryState(primary)},
                   {"  uuid:", primary.uuid()},
                   {"  cid:", StrCat(primary.cid())},
                   {"  mac:", primary.mac()},
                   {"  address:", primary.address()},
                   {"  ipv6:", OrDash(primary.ipv6_address())},
                   {"  memory:", GrantedMemory(primary)},
                   {"  cpu:", GrantedCpu(primary)},
                   {"subnet:", tenant.subnet()},
                   {"gateway:", tenant.gateway()},
                   {"ipv6:", OrDash(tenant.ipv6_subnet())},
                   {"gateway 6:", OrDash(tenant.ipv6_gateway())},
                   {"network:", tenant.network()},
                   {"networks:", NetworksText(tenant)},
                   {"slice:", tenant.slice()},
                   {"overhead:", StrCat(FormatSizeMib(tenant.vmm_overhead_mib()), " a VM")},
                   {"created:", CreatedAt(tenant)}}),
      "\n", TenantLimits(tenant), tenant.has_usage() ? "\n" : "",
      tenant.has_usage() ? UsageText(tenant.usage()) : "", tenant.has_traffic() ? "\n" : "",
      tenant.has_traffic() ? TrafficText(tenant.traffic()) : "");
}

std::string RemovedWithIt(const v1::RemoveTenantResponse& answer) {
  google::protobuf::RepeatedPtrField<std::string> parts;
  if (const uint32_t count = answer.destroyed_vms(); count > 0) {
    parts.Add(StrCat(count, count == 1 ? " secondary" : " secondaries"));
  }
  if (const uint32_t count = answer.deleted_volumes(); count > 0) {
    parts.Add(StrCat(count, count == 1 ? " volume" : " volumes"));
  }
  if (const uint32_t count = answer.deleted_images(); count > 0) {
    parts.Add(StrCat(count, count == 1 ? " own image" : " own images"));
  }
  return parts.empty() ? "" : StrCat(" with ", JoinWords(parts));
}

std::string TenantLimits(const v1::Tenant& tenant) {
  return StrCat(
      LimitTable(tenant), "\n",
      RenderPairs({{"cpus:", CpusText(tenant)},
                   {"read:", ReadText(tenant.io(), "no limit")},
                   {"write:", WriteText(tenant.io(), "no limit")},
                   {"carve:", CarveText(tenant.carve())},
                   {"way out:", NetworkModeName(tenant.network_mode())},
                   {"forwards:", ForwardsText(tenant)},
                   {"net out:", NetText(tenant.net().out_bytes())},
                   {"net in:", NetText(tenant.net().in_bytes())},
                   {"vm net out:", NetText(tenant.net().vm_out_bytes())},
                   {"vm net in:", NetText(tenant.net().vm_in_bytes())},
                   {"quota disk:",
                    tenant.quota_disk_mib() == 0 ? "-" : FormatSizeMib(tenant.quota_disk_mib())}}));
}

std::string UpdatedTenant(const v1::UpdateTenantRequest& request,
                          const v1::UpdateTenantResponse& answer) {
  const v1::Tenant& tenant = answer.tenant();
  std::string text =
      StrCat(EscapeForTerminal(StrCat(
                 "tenant ", tenant.name(),
                 request.validate_only() ? " would have these limits:" : " has these limits now:")),
             "\n", TenantLimits(tenant));
  if (answer.excess().empty()) return text;
  StrAppend(&text, "\n", ExcessMeaning(request, answer), "\n");
  for (const v1::Excess& excess : answer.excess()) {
    StrAppend(&text,
              EscapeForTerminal(StrCat("  ", excess.limit(), ": ", excess.limit_value(), ", but ",
                                       excess.used(), " are in use")),
              "\n");
  }
  return text;
}

}  // namespace flatvm::ctl
