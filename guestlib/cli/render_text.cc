#include "guestlib/cli/render_text.h"

#include <cstdint>

#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "guestlib/cli/render_json.h"

namespace flatvm::cli {
namespace {

using base::EscapeForTerminal;
using base::FormatSizeMib;
using base::StrAppend;
using base::StrCat;
using std::chrono::microseconds;
using std::chrono::system_clock;
using Rows = std::vector<std::vector<std::string>>;

std::string DiskText(uint32_t disk_mib) { return disk_mib == 0 ? "-" : FormatSizeMib(disk_mib); }

// "a, b" with ", " between; empty for none.
std::string Joined(const std::vector<std::string>& names, const char* between) {
  std::string text;
  for (const std::string& name : names) StrAppend(&text, text.empty() ? "" : between, name);
  return text;
}

// All volumes, the one that it boots from first; without spaces, so that columns can be counted.
std::string VolumesCell(const Vm& vm) {
  std::vector<std::string> names = vm.data_volumes;
  if (!vm.volume.empty()) names.insert(names.begin(), vm.volume);
  return OrDash(Joined(names, ","));
}

// "storage 10.213.5.2 52:54:00:d5:05:02, …", without the first; a dash for none.
std::string NicsText(const Vm& vm) {
  std::vector<std::string> others;
  for (size_t i = 1; i < vm.nics.size(); ++i) {
    const Nic& nic = vm.nics[i];
    others.push_back(StrCat(nic.network, " ", OrDash(nic.address), " ", nic.mac));
  }
  return OrDash(Joined(others, ", "));
}

// "2.5" of 2460: tenths, rounded half up.
std::string Tenths(int64_t thousandths) {
  const int64_t tenths = (thousandths + 50) / 100;
  return StrCat(tenths / 10, ".", tenths % 10);
}

// "1.9 s: admit 0.1 ms, domain 1.8 s"; empty without stages.
std::string StageText(const Vm& vm) {
  microseconds total{0};
  std::string text;
  for (const StageDuration& stage : vm.stages) {
    total += stage.duration;
    StrAppend(&text, text.empty() ? ": " : ", ", stage.stage, " ", ShortDuration(stage.duration));
  }
  return text.empty() ? "" : ShortDuration(total) + text;
}

}  // namespace

std::string ShortDuration(microseconds duration) {
  const int64_t us = duration.count();
  if (us < 9'950) return StrCat(Tenths(us), " ms");
  if (us < 999'500) return StrCat((us + 500) / 1000, " ms");
  return StrCat(Tenths((us + 500) / 1000), " s");
}

std::string ShortAge(system_clock::duration age) {
  const int64_t seconds = std::chrono::floor<std::chrono::seconds>(age).count();
  if (seconds <= 0) return "0s";
  if (seconds < 60) return StrCat(seconds, "s");
  if (seconds < 3'600) return StrCat(seconds / 60, "min");
  if (seconds < 86'400) return StrCat(seconds / 3'600, "h");
  return StrCat(seconds / 86'400, "d");
}

std::string CreatedLine(const Vm& vm) {
  const std::string stages = StageText(vm);
  std::string line = StrCat(vm.name, "  ", vm.address, "  ", VmStateName(vm.state));
  if (!stages.empty()) StrAppend(&line, "  (", stages, ")");
  return EscapeForTerminal(line) + "\n";
}

std::string WouldCreateLine(const Vm& vm) {
  const std::string boot = !vm.from_quota_disk.empty()
                               ? StrCat(vm.from_quota_disk, " on the quota disk")
                           : vm.volume.empty() ? StrCat("image ", vm.image)
                                               : StrCat("volume ", vm.volume);
  std::string line =
      StrCat("would create ", vm.name, ": ", boot, ", ", FormatSizeMib(vm.memory_mib), ", ",
             vm.vcpus, vm.vcpus == 1 ? " vCPU" : " vCPUs");
  if (vm.disk_mib != 0) StrAppend(&line, ", disk ", FormatSizeMib(vm.disk_mib));
  if (!vm.data_volumes.empty()) StrAppend(&line, ", data volumes ", Joined(vm.data_volumes, ", "));
  for (size_t i = 1; i < vm.nics.size(); ++i) {
    StrAppend(&line, i == 1 ? ", also on network " : ", ", vm.nics[i].network);
  }
  return EscapeForTerminal(line) + "\n";
}

std::string RemovedLine(const std::string& verb, const std::string& name, const std::string& id) {
  const std::string also_id = id.empty() || name.empty() ? id : StrCat(" (", id, ")");
  return EscapeForTerminal(StrCat(verb, name, also_id)) + "\n";
}

std::string VmTable(const std::vector<Vm>& vms, system_clock::time_point now) {
  if (vms.empty()) return "no secondaries\n";
  Rows rows;
  for (const Vm& vm : vms) {
    const bool dated = vm.created_at != system_clock::time_point();
    rows.push_back({vm.name, VmStateName(vm.state), OrDash(vm.image), FormatSizeMib(vm.memory_mib),
                    StrCat(vm.vcpus), DiskText(vm.disk_mib), VolumesCell(vm), vm.address,
                    dated ? ShortAge(now - vm.created_at) : "-"});
  }
  return base::RenderTable(
      {"NAME", "STATE", "IMAGE", "MEMORY", "VCPUS", "DISK", "VOLUMES", "ADDRESS", "AGE"}, rows);
}

std::string VmDetails(const Vm& vm) {
  return RenderPairs({{"name:", vm.name},
                      {"id:", vm.id},
                      {"tenant:", vm.tenant},
                      {"state:", VmStateName(vm.state)},
                      {"image:", OrDash(vm.image)},
                      {"volume:", OrDash(vm.volume)},
                      {"from disk:", OrDash(vm.from_quota_disk)},
                      {"memory:", FormatSizeMib(vm.memory_mib)},
                      {"vcpus:", StrCat(vm.vcpus)},
                      {"disk:", DiskText(vm.disk_mib)},
                      {"data volumes:", OrDash(Joined(vm.data_volumes, ", "))},
                      {"address:", vm.address},
                      {"ipv6:", OrDash(vm.ipv6_address)},
                      {"mac:", vm.mac},
                      {"other nics:", NicsText(vm)},
                      {"cid:", StrCat(vm.cid)},
                      {"created:", TimeText(vm.created_at)},
                      {"took:", StageText(vm)}});
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

std::string RenderPairs(const std::vector<std::vector<std::string>>& pairs) {
  return base::RenderTable(pairs.front(), Rows(pairs.begin() + 1, pairs.end()));
}

}  // namespace flatvm::cli
