#include "daemon/gate/gate.h"

#include <sys/epoll.h>

#include <memory>
#include <utility>

#include "daemon/base/str_cat.h"

namespace flatvm::gate {
namespace {

constexpr uint32_t kFirstUnprivilegedPort =
    1024;                            // as for TCP; in a guest, vsock keeps the same rule
constexpr int kAcceptsPerTurn = 16;  // before the links have theirs
constexpr std::chrono::milliseconds kAcceptPause{200};  // when there are no descriptors left
// As many as the ledger admits at once: while libvirt is slow to say who a VM is, its connections
// wait and are not taken for a stranger's.
constexpr size_t kIdentificationsPerCid = 40;
constexpr size_t kIdentifications = 4096;
constexpr size_t kMaxWhyBytes = 200;

CallOutcome TooManyCalls(const GateOptions& options) {
  const uint64_t limit = options.calls_per_tenant + options.queued_calls_per_tenant;
  return Failure(absl::StatusCode::kResourceExhausted,
                 {.reason = base::Reason::kTenantCallLimit,
                  .limit = "calls",
                  .limit_value = limit,
                  .asked = 1,
                  .used = limit},
                 "too many calls of this tenant are in flight; wait for one to end");
}

CallOutcome TooLate() {
  return Failure(absl::StatusCode::kDeadlineExceeded, {.reason = base::Reason::kStageTimedOut},
                 "the call's deadline passed before its turn came; nothing was done");
}

}  // namespace

Gate::Gate(const GateOptions& options, FrontLauncher& launcher, FdStore& store, base::Logger& log,
           Identify identify, HandleCall handle_call)
    : options_(options),
      log_(log),
      identify_(std::move(identify)),
      handle_call_(std::move(handle_call)),
      fronts_(options.fronts, loop_, launcher, store, log,
              [this](const std::string& tenant, internal::Call call, const Fronts::Answer& answer) {
                Run(tenant, std::move(call), answer);
              }),
      identifications_({.threads = options.identify_threads,
                        .running_per_key = 1,
                        .queued_per_key = kIdentificationsPerCid - 1,
                        .queued = kIdentifications}),
      calls_({.threads = options.call_threads,
              .running_per_key = options.calls_per_tenant,
              .queued_per_key = options.queued_calls_per_tenant,
              .queued = 65'536}) {}

Gate::~Gate() {
  loop_.Stop();
  identifications_.Stop();
  calls_.Stop();
}

void Gate::Listen(base::UniqueFd listener) {
  auto shared = std::make_shared<base::UniqueFd>(std::move(listener));
  loop_.Post([this, shared] {
    listener_ = std::move(*shared);
    const int fd = listener_.get();
    if (loop_.Watch(fd, EPOLLIN, [this, fd](uint32_t /*events*/) { Accept(fd); })) return;
    log_.Log(base::LogLevel::kError, "cannot wait for vsock connections: epoll refused the socket");
  });
}

void Gate::Accept(int listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    absl::StatusOr<std::optional<Accepted>> accepted = AcceptVsock(listener);
    if (!accepted.ok()) {
      log_.Log(base::LogLevel::kError, base::Message(accepted.status()), {.op = "accept"});
      // The connection still waits, and would wake us for ever.
      loop_.Change(listener, 0);
      return loop_.After(kAcceptPause, [this, listener] { loop_.Change(listener, EPOLLIN); });
    }
    if (!accepted->has_value()) return;
    HandOver((*accepted)->peer, std::move((*accepted)->socket));
  }
}

void Gate::HandOver(const Peer& peer, base::UniqueFd connection) {
  if (peer.cid.value < base::VsockCid::kFirstGuest || peer.cid.value > base::VsockCid::kLastGuest) {
    return Refuse(peer, "a reserved CID");
  }
  if (options_.require_privileged_port && peer.port >= kFirstUnprivilegedPort) {
    return Refuse(peer, "the source port is not below 1024, so it is not root's");
  }
  bool admitted = false;
  {
    const std::lock_guard lock(ledger_mutex_);
    admitted = ledger_.AdmitConnection(peer.cid, std::chrono::steady_clock::now());
  }
  if (!admitted) return Refuse(peer, "too many connections a second");

  auto shared = std::make_shared<base::UniqueFd>(std::move(connection));
  const bool queued = identifications_.Submit(base::StrCat(peer.cid.value), [this, peer, shared] {
    const absl::StatusOr<std::string> tenant = identify_(peer.cid);
    if (!tenant.ok()) return Refuse(peer, base::Message(tenant.status()));
    fronts_.GiveConnection(*tenant, ++last_connection_, std::move(*shared));
  });
  if (!queued) Refuse(peer, "too many connections wait to be identified");
}

void Gate::Refuse(const Peer& peer, std::string_view why) {
  std::optional<uint64_t> held_back;
  {
    const std::lock_guard lock(ledger_mutex_);
    held_back = ledger_.AdmitLine(peer.cid, std::chrono::steady_clock::now());
  }
  if (!held_back.has_value()) return;
  std::string line = base::StrCat("refused a connection from CID ", peer.cid.value, " port ",
                                  peer.port, ": ", base::EscapeForLog(why, kMaxWhyBytes));
  if (*held_back > 0) base::StrAppend(&line, " (", *held_back, " more were not logged)");
  log_.Log(base::LogLevel::kNotice, line, {.op = "connect"});
}

void Gate::Run(const std::string& tenant, internal::Call call, const Fronts::Answer& answer) {
  auto shared = std::make_shared<internal::Call>(std::move(call));
  const auto arrived = std::chrono::steady_clock::now();
  const bool queued = calls_.Submit(tenant, [this, tenant, shared, answer, arrived] {
    std::chrono::milliseconds timeout(shared->timeout_ms());
    if (timeout.count() > 0) {
      timeout -= std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now() - arrived);
      if (timeout.count() <= 0) return answer(TooLate());
    }
    answer(handle_call_(tenant, shared->method(), shared->request(), timeout));
  });
  if (!queued) answer(TooManyCalls(options_));
}

}  // namespace flatvm::gate
