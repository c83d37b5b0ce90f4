#include "daemon/ctl/render_text.h"

#include <vector>

#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "daemon/ctl/render_json.h"

namespace flatvm::ctl {
namespace {

using base::FormatSizeMib;
using base::StrAppend;
using base::StrCat;
using Rows = std::vector<std::vector<std::string>>;

// A table without a header: names and values.
std::string RenderPairs(const Rows& pairs) {
  return base::RenderTable(pairs.front(), Rows(pairs.begin() + 1, pairs.end()));
}

std::string DiskText(uint32_t disk_mib) { return disk_mib == 0 ? "-" : FormatSizeMib(disk_mib); }

std::string PrimaryState(const v1::Primary& primary) {
  return StrCat(StateName(primary.state()), primary.needs_restart() ? ", needs a restart" : "");
}

std::string StageText(const v1::Vm& vm) {
  std::string text;
  for (const v1::StageDuration& stage : vm.stages()) {
    StrAppend(&text, text.empty() ? "" : ", ", stage.stage(), " ", stage.duration_us() / 1000,
              " ms");
  }
  return text;
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

}  // namespace

std::string VmTable(const google::protobuf::RepeatedPtrField<v1::Vm>& vms) {
  if (vms.empty()) return "no secondaries\n";
  Rows rows;
  for (const v1::Vm& vm : vms) {
    rows.push_back({vm.tenant(), vm.name(), StateName(vm.state()), vm.image(),
                    FormatSizeMib(vm.memory_mib()), StrCat(vm.vcpus()), DiskText(vm.disk_mib()),
                    vm.address(), StrCat(vm.cid()), vm.id()});
  }
  return base::RenderTable(
      {"TENANT", "NAME", "STATE", "IMAGE", "MEMORY", "VCPUS", "DISK", "ADDRESS", "CID", "ID"},
      rows);
}

std::string VmDetails(const v1::ShowAnyVmResponse& shown) {
  const v1::Vm& vm = shown.vm();
  return RenderPairs({{"name:", vm.name()},
                      {"tenant:", vm.tenant()},
                      {"id:", vm.id()},
                      {"state:", StateName(vm.state())},
                      {"image:", vm.image()},
                      {"memory:", FormatSizeMib(vm.memory_mib())},
                      {"vcpus:", StrCat(vm.vcpus())},
                      {"disk:", DiskText(vm.disk_mib())},
                      {"address:", vm.address()},
                      {"mac:", vm.mac()},
                      {"cid:", StrCat(vm.cid())},
                      {"domain:", shown.domain()},
                      {"console log:", shown.console_log()},
                      {"created:", CreatedAt(vm)},
                      {"stages:", StageText(vm)}});
}

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
         tenant.subnet()});
  }
  return base::RenderTable(
      {"TENANT", "PRIMARY", "STATE", "MEMORY", "VCPUS", "VMS", "DISK", "SUBNET"}, rows);
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
                   {"subnet:", tenant.subnet()},
                   {"gateway:", tenant.gateway()},
                   {"network:", tenant.network()},
                   {"slice:", tenant.slice()},
                   {"overhead:", StrCat(FormatSizeMib(tenant.vmm_overhead_mib()), " a VM")},
                   {"created:", CreatedAt(tenant)}}),
      "\n", LimitTable(tenant));
}

std::string JoinWords(const google::protobuf::RepeatedPtrField<std::string>& words) {
  std::string text;
  for (int i = 0; i < words.size(); ++i) {
    const bool last = i + 1 == words.size();
    StrAppend(&text, i == 0 ? "" : last ? " and " : ", ", words[i]);
  }
  return text;
}

}  // namespace flatvm::ctl
