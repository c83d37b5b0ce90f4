// A volume whose way out of a quota disk, or back onto it, was cut off after it was decided.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "daemon/broker/in_flight_mark.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"

namespace flatvm::broker {

// The volume is in flight and the tenant's quota disk locked for as long as it lives.
class UnfinishedMove {
 public:
  // Null if the volume is not in `state`, or somebody is at it. Blocks on the tenant's quota disk.
  static std::unique_ptr<UnfinishedMove> Claim(Registry& registry, const std::string& tenant,
                                               const std::string& id, VolumeState state);
  UnfinishedMove(const UnfinishedMove&) = delete;
  UnfinishedMove& operator=(const UnfinishedMove&) = delete;

  // As it was on record when it was claimed.
  VolumeRecord& volume() { return volume_; }

 private:
  UnfinishedMove(Registry& registry, VolumeRecord volume, std::shared_ptr<TenantLocks> locks)
      : volume_(std::move(volume)),
        mark_(registry, volume_.tenant, volume_.id),
        locks_(std::move(locks)),
        lock_(locks_->quota) {}

  VolumeRecord volume_;
  const InFlightMark mark_;
  const std::shared_ptr<TenantLocks> locks_;
  const std::lock_guard<std::mutex> lock_;  // last: let go before the mark goes
};

}  // namespace flatvm::broker
