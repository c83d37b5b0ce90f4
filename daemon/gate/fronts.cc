#include "daemon/gate/fronts.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "daemon/base/names.h"
#include "daemon/base/packet_socket.h"
#include "daemon/base/str_cat.h"

namespace flatvm::gate {
namespace {

constexpr std::string_view kStorePrefix = "front-";

uint64_t RandomEpoch() {
  std::random_device random;
  return (uint64_t{random()} << 32U | random()) | 1U;
}

}  // namespace

std::string StoredLinkName(const std::string& tenant) { return base::StrCat(kStorePrefix, tenant); }

std::string TenantOfStoredLink(const std::string& name) {
  if (!name.starts_with(kStorePrefix)) return "";
  std::string tenant = name.substr(kStorePrefix.size());
  return base::IsName(tenant) ? tenant : "";
}

Fronts::Fronts(const FrontsOptions& options, EventLoop& loop, FrontLauncher& launcher,
               FdStore& store, base::Logger& log, OnCall on_call)
    : options_(options),
      epoch_(options.epoch != 0 ? options.epoch : RandomEpoch()),
      loop_(loop),
      launcher_(launcher),
      store_(store),
      log_(log),
      on_call_(std::move(on_call)),
      restarts_({.threads = 1, .running_per_key = 1, .queued_per_key = 1, .queued = 4096}) {}

Fronts::~Fronts() { restarts_.Stop(); }

Fronts::Entry& Fronts::AwaitTurn(std::unique_lock<std::mutex>& lock, const std::string& tenant) {
  turn_.wait(lock, [this, &tenant] { return !entries_[tenant].changing; });
  return entries_[tenant];
}

Fronts::LivePtr Fronts::FindLive(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(tenant);
  return found == entries_.end() ? nullptr : found->second.live;
}

void Fronts::Store(const std::string& tenant, const Live& live) {
  const absl::Status status = store_.Put(StoredLinkName(tenant), live.link.fd());
  if (status.ok()) return;
  log_.Log(base::LogLevel::kWarning,
           base::StrCat("cannot keep the front's link over a restart of flatvmd, ignoring: ",
                        base::Message(status)),
           {.tenant = tenant});
}

void Fronts::RemoveStored(const std::string& tenant) {
  const absl::Status status = store_.Remove(StoredLinkName(tenant));
  if (status.ok()) return;
  log_.Log(base::LogLevel::kWarning,
           base::StrCat("cannot take the front's link out of the store, ignoring: ",
                        base::Message(status)),
           {.tenant = tenant});
}

absl::StatusOr<Fronts::LivePtr> Fronts::Start(const std::string& tenant) {
  RemoveStored(tenant);  // an earlier front's
  FLATVM_ASSIGN_OR_RETURN(base::PacketPair pair, base::MakePacketPair());
  FLATVM_RETURN_IF_ERROR(launcher_.Start(tenant, std::move(pair.theirs)));
  auto live = std::make_shared<Live>(std::move(pair.ours), epoch_);
  Store(tenant, *live);
  return live;
}

absl::Status Fronts::Open(const std::string& tenant) {
  std::unique_lock lock(mutex_);
  Entry& entry = AwaitTurn(lock, tenant);
  if (entry.live != nullptr) {
    if (!std::exchange(entry.wanted, true)) {
      loop_.Post([this, tenant, live = entry.live] { Attach(tenant, live); });
    }
    return absl::OkStatus();
  }
  entry.changing = true;
  lock.unlock();
  absl::StatusOr<LivePtr> live = Start(tenant);
  lock.lock();
  entry.changing = false;
  turn_.notify_all();
  if (!live.ok()) {
    if (entry.wanted) {
      // One that was there before waits for its restart; that may have found us in its way.
      loop_.Post([this, tenant] { RestartLater(tenant, options_.min_backoff); });
    } else {
      entries_.erase(tenant);
    }
    return live.status();
  }
  entry.wanted = true;
  entry.live = *live;
  loop_.Post([this, tenant, live = *std::move(live)] { Attach(tenant, live); });
  return absl::OkStatus();
}

absl::Status Fronts::Close(const std::string& tenant) {
  std::unique_lock lock(mutex_);
  Entry& entry = AwaitTurn(lock, tenant);
  entry.changing = true;
  entry.wanted = false;
  const LivePtr live = std::exchange(entry.live, nullptr);
  lock.unlock();
  if (live != nullptr) {
    live->link.Shut();
    loop_.Post([this, live] { loop_.Unwatch(live->link.fd()); });
  }
  RemoveStored(tenant);
  absl::Status stopped = launcher_.Stop(tenant);
  lock.lock();
  entry.changing = false;
  entries_.erase(tenant);
  turn_.notify_all();
  return stopped;
}

void Fronts::Adopt(const std::string& tenant, base::UniqueFd link) {
  auto live = std::make_shared<Live>(std::move(link), epoch_);
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[tenant];
  // A second link of the same name would not be the front's.
  if (entry.live == nullptr && !entry.changing) entry.live = std::move(live);
}

void Fronts::CloseUnopened() {
  std::vector<std::string> candidates;
  absl::StatusOr<std::vector<std::string>> running = launcher_.ListRunning();
  if (running.ok()) {
    candidates = *std::move(running);
  } else {
    log_.Log(base::LogLevel::kWarning, base::StrCat("cannot list the fronts that run, ignoring: ",
                                                    base::Message(running.status())));
  }
  std::vector<std::string> unopened;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [tenant, entry] : entries_) candidates.push_back(tenant);
    for (const std::string& tenant : candidates) {
      const auto found = entries_.find(tenant);
      const bool opened =
          found != entries_.end() && (found->second.wanted || found->second.changing);
      if (!opened) unopened.push_back(tenant);
    }
  }
  std::sort(unopened.begin(), unopened.end());
  unopened.erase(std::unique(unopened.begin(), unopened.end()), unopened.end());
  for (const std::string& tenant : unopened) {
    const absl::Status status = Close(tenant);
    log_.Log(status.ok() ? base::LogLevel::kNotice : base::LogLevel::kWarning,
             base::StrCat("stopped the front of a tenant that is no more: ",
                          status.ok() ? "done" : base::Message(status)),
             {.tenant = tenant});
  }
}

void Fronts::Restart(const std::string& tenant) {
  std::unique_lock lock(mutex_);
  const auto found = entries_.find(tenant);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (!entry.wanted || entry.changing || entry.live != nullptr) return;
  entry.changing = true;
  lock.unlock();
  absl::StatusOr<LivePtr> live = Start(tenant);
  lock.lock();
  entry.changing = false;
  turn_.notify_all();
  if (live.ok()) {
    entry.live = *live;
    lock.unlock();
    log_.Log(base::LogLevel::kNotice, "the front was started anew", {.tenant = tenant});
    return loop_.Post([this, tenant, live = *std::move(live)] { Attach(tenant, live); });
  }
  entry.backoff = std::min(entry.backoff * 2, options_.max_backoff);
  const auto delay = entry.backoff;
  lock.unlock();
  log_.Log(base::LogLevel::kError,
           base::StrCat("cannot start the front; next try in ", delay.count(),
                        " ms: ", base::Message(live.status())),
           {.tenant = tenant, .op = "start-front"});
  loop_.Post([this, tenant, delay] { RestartLater(tenant, delay); });
}

void Fronts::RestartLater(const std::string& tenant, std::chrono::milliseconds delay) {
  loop_.After(delay, [this, tenant] {
    // The queue holds more tenants than a host can have; one that waits there already is enough.
    restarts_.Submit(tenant, [this, tenant] { Restart(tenant); });
  });
}

void Fronts::GiveConnection(const std::string& tenant, uint64_t connection_id,
                            base::UniqueFd connection) {
  auto shared = std::make_shared<base::UniqueFd>(std::move(connection));
  loop_.Post([this, tenant, connection_id, shared] {
    const LivePtr live = FindLive(tenant);
    if (live == nullptr) return;  // between two fronts: the caller tries again
    const absl::Status status = live->link.SendConnection(connection_id, std::move(*shared));
    if (!status.ok()) return Detach(tenant, live, base::Message(status), base::LogLevel::kWarning);
    FlushAndWait(tenant, live);
  });
}

void Fronts::DropConnections(const std::string& tenant) {
  loop_.Post([this, tenant] {
    const LivePtr live = FindLive(tenant);
    if (live == nullptr) return;
    const absl::Status status = live->link.SendCloseConnections();
    if (!status.ok()) return Detach(tenant, live, base::Message(status), base::LogLevel::kWarning);
    FlushAndWait(tenant, live);
  });
}

}  // namespace flatvm::gate
