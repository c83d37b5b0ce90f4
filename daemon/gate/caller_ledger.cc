#include "daemon/gate/caller_ledger.h"

#include <utility>

namespace flatvm::gate {
namespace {

constexpr size_t kManyEntries = 4096;  // then those with nothing to remember go

}  // namespace

CallerLedger::Entry& CallerLedger::Find(base::VsockCid cid, Time now) {
  if (entries_.size() >= kManyEntries && !entries_.contains(cid.value)) {
    std::erase_if(entries_, [now](const auto& entry) {
      return entry.second.connections.Full(now) && entry.second.lines.Full(now);
    });
    // Only VMs of this host have CIDs, so this many busy ones are not to be expected.
    if (entries_.size() >= kManyEntries) entries_.clear();
  }
  return entries_[cid.value];
}

bool CallerLedger::AdmitConnection(base::VsockCid cid, Time now) {
  return Find(cid, now).connections.Take(now);
}

std::optional<uint64_t> CallerLedger::AdmitLine(base::VsockCid cid, Time now) {
  Entry& entry = Find(cid, now);
  if (!entry.lines.Take(now)) {
    ++entry.held_back;
    return std::nullopt;
  }
  return std::exchange(entry.held_back, 0);
}

}  // namespace flatvm::gate
