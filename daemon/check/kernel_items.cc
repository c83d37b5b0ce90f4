// Of what is the kernel's: devices, controllers, and what it does with memory.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "daemon/base/error.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/check/check_host.h"

namespace flatvm::check {
namespace {

constexpr const char* kVhostVsock = "/dev/vhost-vsock";
constexpr const char* kControllers = "/sys/fs/cgroup/cgroup.controllers";
constexpr const char* kKsm = "/sys/kernel/mm/ksm/run";
constexpr const char* kSwaps = "/proc/swaps";
constexpr uint64_t kKibPerMib = 1024;

HostItem CheckKvm(Host& host) {
  constexpr const char* kName = "kvm";
  const absl::Status status = host.TryKvm();
  if (status.ok()) return {kName, ItemState::kOk, "usable"};
  const std::string mend =
      ": secondaries are emulated, and slow; modprobe kvm_intel or kvm_amd, with virtualization "
      "enabled in the firmware";
  if (absl::IsNotFound(status)) return {kName, ItemState::kWarn, "there is no /dev/kvm" + mend};
  return {kName, ItemState::kWarn, base::StrCat(base::Message(status), mend)};
}

HostItem CheckVsock(Host& host) {
  constexpr const char* kName = "vhost-vsock";
  if (host.Has(kVhostVsock, Use::kFind)) return {kName, ItemState::kOk, "there"};
  return {kName, ItemState::kFail,
          base::StrCat(kVhostVsock, " is missing, and primaries cannot ask; modprobe vhost_vsock")};
}

HostItem CheckCgroups(Host& host) {
  constexpr const char* kName = "cgroups";
  const absl::StatusOr<std::string> text = host.ReadFile(kControllers);
  if (!text.ok()) {
    return {kName, ItemState::kFail,
            "cgroup v2 is not mounted at /sys/fs/cgroup; boot with "
            "systemd.unified_cgroup_hierarchy=1"};
  }
  const std::string line(absl::StripAsciiWhitespace(*text));
  const std::vector<std::string> controllers = absl::StrSplit(line, ' ');
  std::string missing;
  for (const char* needed : {"cpu", "cpuset", "io", "memory", "pids"}) {
    if (std::find(controllers.begin(), controllers.end(), needed) != controllers.end()) continue;
    base::StrAppend(&missing, missing.empty() ? "" : ", ", needed);
  }
  if (missing.empty()) return {kName, ItemState::kOk, "version 2, with all controllers"};
  return {kName, ItemState::kFail,
          base::StrCat("the kernel has no controller ", missing,
                       "; boot one that has, and without cgroup_disable=")};
}

HostItem CheckKsm(Host& host) {
  constexpr const char* kName = "ksm";
  const absl::StatusOr<std::string> run = host.ReadFile(kKsm);
  if (absl::IsNotFound(run.status())) return {kName, ItemState::kOk, "not in this kernel"};
  if (!run.ok()) return {kName, ItemState::kWarn, std::string(base::Message(run.status()))};
  const std::string state(absl::StripAsciiWhitespace(*run));
  // 2: off, and what was merged is apart again (the kernel's ksm.rst). 0 leaves it merged.
  if (state == "0" || state == "2") return {kName, ItemState::kOk, "off"};
  return {kName, ItemState::kFail,
          base::StrCat("on: a tenant can find out what others have in memory; echo 2 > ", kKsm,
                       ", and systemctl disable --now ksm ksmtuned where they are")};
}

// Of all areas, from /proc/swaps: "Filename Type Size Used Priority", sizes in KiB.
uint64_t SwapMib(const std::string& swaps) {
  uint64_t sum_kib = 0;
  for (const absl::string_view line : absl::StrSplit(swaps, '\n')) {
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (fields.size() < 3) continue;
    uint64_t kib = 0;  // the heading has no number there
    std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), kib);
    sum_kib += kib;
  }
  return sum_kib / kKibPerMib;
}

HostItem CheckSwap(Host& host) {
  constexpr const char* kName = "swap";
  const absl::StatusOr<std::string> swaps = host.ReadFile(kSwaps);
  if (!swaps.ok()) return {kName, ItemState::kOk, "not in this kernel"};
  const uint64_t mib = SwapMib(*swaps);
  if (mib == 0) return {kName, ItemState::kOk, "none"};
  return {kName, ItemState::kWarn,
          base::StrCat(base::FormatSizeMib(static_cast<uint32_t>(mib)),
                       ", which tenants never use; but where the host's own work does, all of them "
                       "wait with it: swapoff -a if nothing needs it")};
}

}  // namespace

HostItems CheckKernel(Host& host) { return {CheckKvm(host), CheckVsock(host), CheckCgroups(host)}; }

HostItems CheckMemory(Host& host) { return {CheckKsm(host), CheckSwap(host)}; }

}  // namespace flatvm::check
