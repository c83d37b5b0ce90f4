// Every tenant's front and the link to it: started, taken up, started anew when it dies, stopped.
// Who may connect and what a call does is decided elsewhere.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "daemon/base/log.h"
#include "daemon/base/token_bucket.h"
#include "daemon/base/unique_fd.h"
#include "daemon/gate/event_loop.h"
#include "daemon/gate/fair_pool.h"
#include "daemon/gate/fd_store.h"
#include "daemon/gate/front_launcher.h"
#include "daemon/gate/front_link.h"

namespace flatvm::gate {

struct FrontsOptions {
  uint64_t epoch = 0;  // 0: a random one
  std::chrono::milliseconds min_backoff{200};
  std::chrono::milliseconds max_backoff{30'000};
  std::chrono::milliseconds steady_after{
      60'000};  // a front that lived so long starts anew without back-off
};

// Names a front's link in the descriptor store; TenantOfStoredLink is its inverse, empty for other
// names.
std::string StoredLinkName(const std::string& tenant);
std::string TenantOfStoredLink(const std::string& name);

// Thread-safe.
class Fronts {
 public:
  using Answer = std::function<void(CallOutcome)>;
  // A front sent a call. `answer` is to be called once, by any thread. Runs on the loop's thread;
  // must not block.
  using OnCall = std::function<void(const std::string& tenant, internal::Call, Answer answer)>;

  Fronts(const FrontsOptions& options, EventLoop& loop, FrontLauncher& launcher, FdStore& store,
         base::Logger& log, OnCall on_call);
  // After the loop's Stop. Closes the links; fronts whose link is in the store go on.
  ~Fronts();

  // As broker::TenantGate's OpenTenant and CloseTenant.
  absl::Status Open(const std::string& tenant);
  absl::Status Close(const std::string& tenant);

  // Takes up the link of a front that runs already. Its calls wait until Open says that the tenant
  // may be served.
  void Adopt(const std::string& tenant, base::UniqueFd link);

  // Stops every front, adopted or found running, that Open was not called for. Blocks on the
  // service manager.
  void CloseUnopened();

  // Neither blocks; both do nothing if the tenant has no front now.
  void GiveConnection(const std::string& tenant, uint64_t connection_id, base::UniqueFd connection);
  void DropConnections(const std::string& tenant);

 private:
  using Time = std::chrono::steady_clock::time_point;

  struct Live {
    Live(base::UniqueFd socket, uint64_t epoch) : link(std::move(socket), epoch) {}
    FrontLink link;                    // the loop's thread only
    base::TokenBucket lines{0.5, 20};  // of the journal; the loop's thread only
    const Time since = std::chrono::steady_clock::now();
  };
  using LivePtr = std::shared_ptr<Live>;

  struct Entry {
    LivePtr live;           // null: no front now
    bool wanted = false;    // Open was called
    bool changing = false;  // somebody starts or stops it; the others wait
    std::chrono::milliseconds backoff{0};
  };

  absl::StatusOr<LivePtr> Start(const std::string& tenant);
  void Restart(const std::string& tenant);
  // Held until it is the caller's turn to change the tenant's front.
  Entry& AwaitTurn(std::unique_lock<std::mutex>& lock, const std::string& tenant);
  LivePtr FindLive(const std::string& tenant);
  void Store(const std::string& tenant, const Live& live);
  void RemoveStored(const std::string& tenant);

  // On the loop's thread.
  void Attach(const std::string& tenant, const LivePtr& live);
  void Serve(const std::string& tenant, const LivePtr& live, uint32_t events);
  void Dispatch(const std::string& tenant, const LivePtr& live, internal::FromFront message);
  void FlushAndWait(const std::string& tenant, const LivePtr& live);
  void Detach(const std::string& tenant, const LivePtr& live, std::string_view why,
              base::LogLevel level);
  void RestartLater(const std::string& tenant, std::chrono::milliseconds delay);

  const FrontsOptions options_;
  const uint64_t epoch_;
  EventLoop& loop_;
  FrontLauncher& launcher_;
  FdStore& store_;
  base::Logger& log_;
  const OnCall on_call_;

  std::mutex mutex_;  // guards entries_
  std::condition_variable turn_;
  std::map<std::string, Entry> entries_;

  FairPool restarts_;  // last: goes first
};

}  // namespace flatvm::gate
