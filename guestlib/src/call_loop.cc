#include "guestlib/src/call_loop.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace flatvm::guestlib {

using std::chrono::milliseconds;

CallOutcome CallLoop::Run(const OneCall& call, milliseconds timeout) {
  timeout_ = timeout;
  const SteadyTime start = surroundings_.now();
  deadline_ = start + timeout;
  SteadyTime give_up = start + policy_.unreached_for;
  int pauses = 0;
  while (true) {
    Attempt attempt = TryOnce(call);
    if (!attempt.error.has_value() || attempt.outlook == Outlook::kFinal) {
      return {.error = std::move(attempt.error), .sent = sent_};
    }
    const SteadyTime now = surroundings_.now();
    if (attempt.reached) give_up = now + policy_.lost_for;
    const milliseconds pause = attempt.stale ? milliseconds(0) : Pause(pauses++);
    if (now + pause >= std::min(deadline_, give_up)) {
      return {.error = std::move(attempt.error), .sent = sent_};
    }
    if (pause.count() > 0) surroundings_.sleep(pause);
  }
}

CallLoop::Attempt CallLoop::TryOnce(const OneCall& call) {
  auto got = channel_.Get(deadline_);
  if (auto* failure = std::get_if<ConnectFailure>(&got)) {
    return {.error = std::move(failure->error), .outlook = failure->outlook};
  }
  const Lease lease = std::get<Lease>(std::move(got));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + (deadline_ - surroundings_.now()));
  ++sent_;
  const grpc::Status status = call(*lease.connection, &context);
  if (status.ok()) {
    channel_.Keep(lease);
    return {};
  }
  return Judge(lease, DecodeError(status, timeout_));
}

CallLoop::Attempt CallLoop::Judge(const Lease& lease, Failure failure) {
  if (failure.answered) {
    channel_.Keep(lease);
    const bool restarted = failure.error.code == Code::kUnavailable &&
                           failure.error.reason == Reason::kDaemonRestarted;
    return {.error = std::move(failure.error),
            .outlook = restarted ? Outlook::kMayPass : Outlook::kFinal,
            .reached = true};
  }
  // Lost, or silent for too long: in neither case is the connection of use to the next call.
  channel_.Drop(lease);
  const bool lost = failure.error.code == Code::kUnavailable;
  return {.error = std::move(failure.error),
          .outlook = lost ? Outlook::kMayPass : Outlook::kFinal,
          .reached = lease.connection->greeted,
          .stale = lease.origin == Origin::kReused};
}

milliseconds CallLoop::Pause(int attempt) const {
  // Full jitter: clients that were cut off together do not come back together.
  const double first = static_cast<double>(policy_.first_pause.count());
  const double longest = static_cast<double>(policy_.longest_pause.count());
  const double bound = std::min(std::ldexp(first, std::min(attempt, 30)), longest);
  return milliseconds(static_cast<int64_t>(surroundings_.random() * std::max(bound, 0.0)));
}

}  // namespace flatvm::guestlib
