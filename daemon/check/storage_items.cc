// Of the disk that tenants' disks are on: what its filesystem can do, and whether it is promised
// twice.
#include <algorithm>
#include <limits>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "daemon/check/check_host.h"

namespace flatvm::check {
namespace {

std::string SizeText(uint64_t mib) {
  return base::FormatSizeMib(
      static_cast<uint32_t>(std::min<uint64_t>(mib, std::numeric_limits<uint32_t>::max())));
}

HostItem CheckFilesystem(Host& host, const std::string& directory) {
  constexpr const char* kName = "filesystem";
  const absl::StatusOr<FilesystemFacts> facts = host.TryFilesystem(directory);
  if (absl::IsNotFound(facts.status())) {
    return {kName, ItemState::kFail,
            base::StrCat(directory, " is missing; install -d -m 0711 ", directory)};
  }
  if (!facts.ok()) {
    return {kName, ItemState::kFail,
            base::StrCat(directory, " cannot be used: ", base::Message(facts.status()))};
  }
  const std::string type = base::EscapeForLog(facts->type, 40);
  if (!facts->direct_io) {
    return {kName, ItemState::kFail,
            base::StrCat(type, ", without direct I/O, which VMs' disks need; put ", directory,
                         " on XFS, btrfs or ext4")};
  }
  if (facts->shares_blocks) {
    return {kName, ItemState::kOk, base::StrCat(type, ", reflink: images move without a copy")};
  }
  const std::string what = facts->shifts_blocks ? "what remains on a quota disk is copied"
                                                : "all that is on a quota disk is copied";
  return {kName, ItemState::kWarn,
          base::StrCat(type, ", no reflink: ", what,
                       " when an image leaves it; that costs the time to write it, and its space "
                       "twice meanwhile. XFS and btrfs do without")};
}

HostItem CheckDisk(Host& host, const std::string& directory, const DaemonAnswer& answer) {
  constexpr const char* kName = "disk";
  const auto space = host.MeasureSpace(directory, directory + "/tenants");
  if (!space.ok()) return {kName, ItemState::kWarn, std::string(base::Message(space.status()))};
  const uint64_t free_mib = space->free_bytes / base::kMebibyte;
  const std::string left = SizeText(free_mib) + " free";
  if (!answer.status.ok()) {
    return {kName, ItemState::kWarn,
            left + "; what tenants may have is not known, as flatvmd does not answer"};
  }
  uint64_t promised_mib = 0;
  for (const DiskBudget& budget : answer.budgets) promised_mib += budget.disk_mib;
  // What they have already is part of what they may have.
  const uint64_t room_mib = free_mib + space->taken_bytes / base::kMebibyte;
  const std::string sums = base::StrCat(left, "; tenants may have ", SizeText(promised_mib),
                                        ", and there is room for ", SizeText(room_mib));
  if (promised_mib <= room_mib) return {kName, ItemState::kOk, sums};
  return {kName, ItemState::kWarn,
          base::StrCat(sums,
                       ": when it is full, all of them stand still; add space, or lower "
                       "limits by flatvmctl tenant set NAME --disk SIZE")};
}

}  // namespace

HostItems CheckStorage(Host& host, const config::Config& config, const DaemonAnswer& answer) {
  return {CheckFilesystem(host, config.state_dir), CheckDisk(host, config.state_dir, answer)};
}

}  // namespace flatvm::check
