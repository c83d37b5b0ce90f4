// The quota disk as its tenant's primary has it: made, as large as records say, plugged in, and out
// of it for one change at a time.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

class QuotaTurn;

// Thread-safe; calls block on the disk and the hypervisor, and on each other for one tenant. Errors
// of every call: UNAVAILABLE; INTERNAL.
class QuotaPlug {
 public:
  QuotaPlug(const Settings& settings, const Ports& ports, Registry& registry)
      : settings_(settings), ports_(ports), registry_(registry) {}

  // Makes the quota disk if it is not there, as large as it is to be, and plugs it in. Idempotent;
  // OK for a tenant that is to have none, and while an image is between the disk and a volume.
  absl::Status Ensure(const std::string& tenant);

  // Takes it out of the primary, and it stays out while the tenant is removed. OK if there is none.
  // Errors: FAILED_PRECONDITION / kPrimaryKeepsDisk.
  absl::Status Unplug(const TenantRecord& tenant);

  // Waits until nobody else changes the tenant's quota disk; this outlives the turn. Errors:
  // NOT_FOUND / kTenantNotFound; ABORTED / kChangeInFlight; FAILED_PRECONDITION / kNoQuotaDisk.
  absl::StatusOr<std::unique_ptr<QuotaTurn>> TakeTurn(const std::string& tenant);

 private:
  friend class QuotaTurn;

  // The tenant's `quota` lock is held. Notes whether it has to be tried again.
  absl::Status EnsureLocked(const std::string& tenant, TenantLocks& locks);
  absl::Status Bring(const std::string& tenant, TenantLocks& locks);
  // The tenant's `disks` lock is held, of both.
  absl::Status Plug(const TenantRecord& tenant);
  absl::Status UnplugLocked(const TenantRecord& tenant);

  const Settings& settings_;
  const Ports& ports_;
  Registry& registry_;
};

// A change of one tenant's quota disk: there is no other while this lives. When it goes, the
// primary has the disk again. Thread-compatible.
class QuotaTurn {
 public:
  QuotaTurn(QuotaPlug& plug, TenantRecord tenant, std::shared_ptr<TenantLocks> locks)
      : plug_(plug), tenant_(std::move(tenant)), locks_(std::move(locks)), quota_(locks_->quota) {}
  QuotaTurn(const QuotaTurn&) = delete;
  QuotaTurn& operator=(const QuotaTurn&) = delete;
  // A failure is logged: the reconciler tries again.
  ~QuotaTurn();

  // As it was when the turn began.
  const TenantRecord& tenant() const { return tenant_; }

  // That what follows an unplug will be wanted, now or soon. Returns at once.
  void Prepare();

  // Takes the disk out of the primary; no other disk is plugged in or out from then on. OK if it is
  // out. Errors: as QuotaPlug::Unplug.
  absl::Status Unplug();

  // Ends it: as QuotaPlug::Ensure. If it fails the reconciler tries again.
  absl::Status PlugIn();

 private:
  QuotaPlug& plug_;
  const TenantRecord tenant_;
  const std::shared_ptr<TenantLocks> locks_;
  std::unique_lock<std::mutex> quota_;
  std::unique_lock<std::mutex> disks_;                 // held: the disk is out
  std::unique_ptr<storage::PreparedWorker> prepared_;  // for what follows an unplug
};

}  // namespace flatvm::broker
