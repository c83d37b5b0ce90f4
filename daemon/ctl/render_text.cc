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

std::string DiskText(uint32_t disk_mib) { return disk_mib == 0 ? "-" : FormatSizeMib(disk_mib); }

std::string StageText(const v1::Vm& vm) {
  std::string text;
  for (const v1::StageDuration& stage : vm.stages()) {
    StrAppend(&text, text.empty() ? "" : ", ", stage.stage(), " ", stage.duration_us() / 1000,
              " ms");
  }
  return text;
}

// "storage 10.213.5.2 52:54:00:d5:05:02, …", without the first; a dash for none.
std::string NicsText(const v1::Vm& vm) {
  std::string text;
  for (int i = 1; i < vm.nics_size(); ++i) {
    const v1::Nic& nic = vm.nics(i);
    StrAppend(&text, i == 1 ? "" : ", ", nic.network(), " ", OrDash(nic.address()), " ", nic.mac());
  }
  return OrDash(text);
}

}  // namespace

std::string VmTable(const google::protobuf::RepeatedPtrField<v1::Vm>& vms) {
  if (vms.empty()) return "no secondaries\n";
  Rows rows;
  for (const v1::Vm& vm : vms) {
    rows.push_back({vm.tenant(), vm.name(), StateName(vm.state()), OrDash(vm.image()),
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
                      {"image:", OrDash(vm.image())},
                      {"volume:", OrDash(vm.volume())},
                      {"data volumes:", OrDash(JoinWords(vm.data_volumes()))},
                      {"memory:", FormatSizeMib(vm.memory_mib())},
                      {"vcpus:", StrCat(vm.vcpus())},
                      {"disk:", DiskText(vm.disk_mib())},
                      {"address:", vm.address()},
                      {"ipv6:", OrDash(vm.ipv6_address())},
                      {"mac:", vm.mac()},
                      {"other nics:", NicsText(vm)},
                      {"cid:", StrCat(vm.cid())},
                      {"domain:", shown.domain()},
                      {"console log:", shown.console_log()},
                      {"created:", CreatedAt(vm)},
                      {"stages:", StageText(vm)}});
}

std::string BridgeText(const v1::Network& network) {
  if (network.vlan() == 0) return OrDash(network.bridge());
  return StrCat(network.bridge(), " vlan ", network.vlan());
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

std::string RenderPairs(const std::vector<std::vector<std::string>>& pairs) {
  return base::RenderTable(pairs.front(), Rows(pairs.begin() + 1, pairs.end()));
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
