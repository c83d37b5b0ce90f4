// A netlink(7) socket that asks the kernel and waits for its answer. Not for listening to groups.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"
#include "network/netlink/message.h"

namespace flatvm::netlink {

// In the network namespace of the thread that opened it. Thread-compatible; blocks on the kernel.
class Socket {
 public:
  // `protocol`: NETLINK_ROUTE and so on. Errors: INTERNAL.
  static absl::StatusOr<Socket> Open(int protocol);

  // 0, or the errno that the kernel answers, which often is no failure (EEXIST). Errors: INTERNAL
  // if it could not be asked.
  absl::StatusOr<int> Ask(const Message& request);
  // The same for a question: `take` gets what is answered before that, if anything is.
  absl::StatusOr<int> Ask(const Message& request, const std::function<void(const Received&)>& take);
  // The same, where every errno but 0 is a failure. `what` names the request in its text.
  absl::Status Demand(const Message& request, std::string_view what);
  // Every message of the answer to a dump (NLM_F_DUMP), or to a question for one thing. A dump that
  // was interrupted by a change, and may lack what was there all the time, is asked for again.
  // Errors: INTERNAL, also for an errno.
  absl::Status Dump(const Message& request, const std::function<void(const Received&)>& take);

 private:
  explicit Socket(base::UniqueFd fd) : fd_(std::move(fd)) {}
  absl::Status Send(const Message& request);
  // The datagrams of an answer; nullopt: it was interrupted.
  absl::StatusOr<std::optional<std::vector<std::string>>> Collect(const Message& request);

  base::UniqueFd fd_;
  uint32_t sequence_ = 0;
};

}  // namespace flatvm::netlink
