#include "daemon/front/call_table.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace flatvm::front {
namespace {

Outcome TooLarge() {
  return Failure(absl::StatusCode::kInvalidArgument, {.reason = base::Reason::kMessageTooLarge},
                 "the request is larger than 64 KiB");
}

Outcome TooMany() {
  return Failure(absl::StatusCode::kResourceExhausted,
                 {.reason = base::Reason::kTenantCallLimit,
                  .limit = "calls",
                  .limit_value = kMaxCallsInFlight,
                  .asked = 1,
                  .used = kMaxCallsInFlight},
                 "too many calls of this tenant are in flight; wait for one to end");
}

Outcome Unreachable() {
  return Failure(absl::StatusCode::kUnavailable, {.reason = base::Reason::kBrokerUnreachable},
                 "the broker cannot be reached; try again with the same request_id");
}

uint32_t TimeoutMs(std::chrono::milliseconds timeout) {
  return static_cast<uint32_t>(
      std::clamp<int64_t>(timeout.count(), 0, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

std::optional<Outcome> CallTable::Enter(Done* done, internal::Call* call) {
  const std::lock_guard lock(mutex_);
  if (closed_) return Unreachable();
  if (calls_.size() >= kMaxCallsInFlight) return TooMany();
  call->set_call_id(++last_id_);
  call->set_epoch(epoch_);
  calls_[last_id_].done = std::move(*done);
  return std::nullopt;
}

void CallTable::Start(Request request, Done done) {
  if (request.bytes.size() > kMaxRequestBytes) return done(TooLarge());
  internal::FromFront message;
  internal::Call* call = message.mutable_call();
  if (const std::optional<Outcome> refusal = Enter(&done, call)) return done(*refusal);
  call->set_method(std::move(request.method));
  call->set_request(std::move(request.bytes));
  call->set_timeout_ms(TimeoutMs(request.timeout));
  steps_.Pass("front.asked");
  if (send_(message)) return;

  std::map<uint64_t, Waiting> failed;
  {
    const std::lock_guard lock(mutex_);
    if (auto node = calls_.extract(call->call_id()); !node.empty()) failed.insert(std::move(node));
  }
  FailAll(failed, Unreachable());
}

void CallTable::OnHello(uint64_t epoch) {
  std::map<uint64_t, Waiting> failed;
  {
    const std::lock_guard lock(mutex_);
    if (epoch == epoch_) return;
    epoch_ = epoch;
    failed.swap(calls_);
  }
  FailAll(failed,
          Failure(absl::StatusCode::kUnavailable, {.reason = base::Reason::kDaemonRestarted},
                  "the broker was restarted during the call; try again with the same request_id"));
}

bool CallTable::OnResult(internal::CallResult result) {
  Outcome outcome;
  Done done;
  {
    const std::lock_guard lock(mutex_);
    if (result.epoch() != epoch_) return true;
    const auto found = calls_.find(result.call_id());
    if (found == calls_.end()) return false;
    std::string& response = found->second.response;
    if (response.size() + result.response().size() > kMaxResponseBytes) return false;
    response.append(result.response());
    if (result.more()) return true;
    outcome = Outcome{.code = result.code(),
                      .message = std::move(*result.mutable_message()),
                      .detail = std::move(*result.mutable_detail()),
                      .response = std::move(response)};
    done = std::move(found->second.done);
    calls_.erase(found);
  }
  steps_.Pass("front.answered");
  done(std::move(outcome));
  return true;
}

void CallTable::Close() {
  std::map<uint64_t, Waiting> failed;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    failed.swap(calls_);
  }
  FailAll(failed, Unreachable());
}

size_t CallTable::InFlight() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

void CallTable::FailAll(const std::map<uint64_t, Waiting>& calls, const Outcome& outcome) {
  for (const auto& [id, call] : calls) call.done(outcome);
}

}  // namespace flatvm::front
