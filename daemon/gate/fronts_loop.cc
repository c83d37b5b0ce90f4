// The part of Fronts that runs on the loop's thread: links that are read, written and given up.
#include <sys/epoll.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/base/str_cat.h"
#include "daemon/gate/fronts.h"

namespace flatvm::gate {
namespace {

constexpr size_t kMaxWhyBytes = 80;

}  // namespace

void Fronts::Attach(const std::string& tenant, const LivePtr& live) {
  if (FindLive(tenant) != live) return;  // closed meanwhile
  const bool watched =
      loop_.Watch(live->link.fd(), live->link.Events(),
                  [this, tenant, live](uint32_t events) { Serve(tenant, live, events); });
  if (!watched) return Detach(tenant, live, "its link is no socket", base::LogLevel::kWarning);
  FlushAndWait(tenant, live);
}

void Fronts::Serve(const std::string& tenant, const LivePtr& live, uint32_t events) {
  std::vector<internal::FromFront> messages;
  const auto now = std::chrono::steady_clock::now();
  const absl::Status status = live->link.Receive(now, &messages);
  for (internal::FromFront& message : messages) Dispatch(tenant, live, std::move(message));
  if (absl::IsInvalidArgument(status)) {
    return Detach(tenant, live, base::StrCat("it broke the link's rules: ", base::Message(status)),
                  base::LogLevel::kWarning);
  }
  if (!status.ok() || (events & (EPOLLHUP | EPOLLERR)) != 0) {
    return Detach(tenant, live, "it ended", base::LogLevel::kWarning);
  }
  const auto pause = live->link.Pause(now);
  if (pause.count() > 0) {
    loop_.After(pause, [this, tenant, live] {
      if (FindLive(tenant) == live) Serve(tenant, live, 0);
    });
  }
  FlushAndWait(tenant, live);
}

void Fronts::Dispatch(const std::string& tenant, const LivePtr& live, internal::FromFront message) {
  if (message.has_connection_closed()) {
    if (!live->lines.Take(std::chrono::steady_clock::now())) return;
    const internal::ConnectionClosed& closed = message.connection_closed();
    return log_.Log(base::LogLevel::kInfo,
                    base::StrCat("connection ", closed.connection_id(),
                                 " closed: ", base::EscapeForLog(closed.why(), kMaxWhyBytes)),
                    {.tenant = tenant});
  }
  const uint64_t id = message.call().call_id();
  on_call_(tenant, std::move(*message.mutable_call()),
           [this, tenant, live, id](CallOutcome outcome) {
             auto shared = std::make_shared<CallOutcome>(std::move(outcome));
             loop_.Post([this, tenant, live, id, shared] {
               if (FindLive(tenant) != live) return;  // that front is gone, and its caller with it
               const absl::Status status = live->link.SendResult(id, std::move(*shared));
               if (!status.ok()) {
                 return Detach(tenant, live, base::Message(status), base::LogLevel::kWarning);
               }
               FlushAndWait(tenant, live);
             });
           });
}

void Fronts::FlushAndWait(const std::string& tenant, const LivePtr& live) {
  const absl::Status status = live->link.Flush();
  if (!status.ok()) {
    return Detach(tenant, live, base::Message(status), base::LogLevel::kWarning);
  }
  loop_.Change(live->link.fd(), live->link.Events());
}

void Fronts::Detach(const std::string& tenant, const LivePtr& live, std::string_view why,
                    base::LogLevel level) {
  loop_.Unwatch(live->link.fd());
  // The store's duplicate would keep the link open for the front; this ends it for both.
  live->link.Shut();
  std::unique_lock lock(mutex_);
  const auto found = entries_.find(tenant);
  if (found == entries_.end() || found->second.live != live) return;
  Entry& entry = found->second;
  entry.live = nullptr;
  if (!entry.wanted) {
    entry.changing = true;  // so that a new link is not the one that is removed from the store
    lock.unlock();
    RemoveStored(tenant);
    lock.lock();
    entries_.erase(tenant);
    turn_.notify_all();
    return log_.Log(base::LogLevel::kInfo,
                    base::StrCat("the front of no tenant is given up: ", why), {.tenant = tenant});
  }
  const bool steady = std::chrono::steady_clock::now() - live->since >= options_.steady_after;
  entry.backoff = steady || entry.backoff.count() == 0
                      ? options_.min_backoff
                      : std::min(entry.backoff * 2, options_.max_backoff);
  const auto delay = entry.backoff;
  lock.unlock();
  log_.Log(level,
           base::StrCat("the tenant's front is given up: ", why, "; started anew in ",
                        delay.count(), " ms"),
           {.tenant = tenant, .op = "restart-front"});
  RestartLater(tenant, delay);
}

}  // namespace flatvm::gate
