// The way in: accepts on vsock, has each caller identified, hands it to its tenant's front, and
// runs what the fronts ask for. Decides neither who a caller is nor what a call does.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "daemon/base/types.h"
#include "daemon/base/unique_fd.h"
#include "daemon/broker/tenant_gate.h"
#include "daemon/gate/call_outcome.h"
#include "daemon/gate/caller_ledger.h"
#include "daemon/gate/event_loop.h"
#include "daemon/gate/fair_pool.h"
#include "daemon/gate/fronts.h"
#include "daemon/gate/vsock_listener.h"

namespace flatvm::gate {

// The tenant whose running primary has this CID. Any error refuses the caller; its text is for the
// journal. Called by several threads; may block.
using Identify = std::function<absl::StatusOr<std::string>(base::VsockCid)>;

struct GateOptions {
  bool require_privileged_port = true;  // only callers whose source port is below 1024
  FrontsOptions fronts;
  size_t identify_threads = 2;
  size_t call_threads = 32;
  size_t calls_per_tenant = 8;          // running at a time; more wait
  size_t queued_calls_per_tenant = 64;  // beyond: RESOURCE_EXHAUSTED / kTenantCallLimit
};

// Thread-safe.
class Gate final : public broker::TenantGate {
 public:
  Gate(const GateOptions& options, FrontLauncher& launcher, FdStore& store, base::Logger& log,
       Identify identify, HandleCall handle_call);
  // Accepts nothing more, waits for the running calls, closes the links.
  ~Gate() override;

  // INTERNAL if the kernel refused what the gate needs; it does nothing then.
  absl::Status status() const { return loop_.status(); }

  // Accepts from now on. `listener` is a non-blocking vsock listener.
  void Listen(base::UniqueFd listener);

  // A connection was accepted. Does not block: identification is other threads' work.
  void HandOver(const Peer& peer, base::UniqueFd connection);

  // See Fronts: Adopt what TakeInheritedFds gave, open the tenants there are, then close what is
  // left.
  void Adopt(const std::string& tenant, base::UniqueFd link) {
    fronts_.Adopt(tenant, std::move(link));
  }
  void CloseUnopened() { fronts_.CloseUnopened(); }

  absl::Status OpenTenant(const std::string& tenant) override { return fronts_.Open(tenant); }
  absl::Status CloseTenant(const std::string& tenant) override { return fronts_.Close(tenant); }
  void DropConnections(const std::string& tenant) override { fronts_.DropConnections(tenant); }

 private:
  void Accept(int listener);
  void Refuse(const Peer& peer, std::string_view why);
  void Run(const std::string& tenant, internal::Call call, const Fronts::Answer& answer);

  const GateOptions options_;
  base::Logger& log_;
  const Identify identify_;
  const HandleCall handle_call_;

  std::mutex ledger_mutex_;  // guards ledger_
  CallerLedger ledger_;
  std::atomic<uint64_t> last_connection_ = 0;
  base::UniqueFd listener_;

  EventLoop loop_;
  Fronts fronts_;
  FairPool identifications_;
  FairPool calls_;
};

}  // namespace flatvm::gate
