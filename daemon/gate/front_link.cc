#include "daemon/gate/front_link.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "daemon/base/packet_socket.h"
#include "daemon/base/str_cat.h"

namespace flatvm::gate {
namespace {

constexpr size_t kPartBytes = size_t{60} * 1024;  // of a response, in one packet
constexpr size_t kMaxTextBytes = size_t{2} * 1024;
constexpr size_t kMaxDetailBytes = size_t{2} * 1024;
constexpr size_t kMaxQueuedBytes = size_t{32} * 1024 * 1024;  // eight of the largest answers
constexpr size_t kMaxMethodBytes = 64;
constexpr int kPacketsPerTurn = 16;  // before other links have theirs
// The frame guard lets eight connections open 1600 calls a second; a tenant that really does waits
// in its own queue.
constexpr double kPacketsPerSecond = 1'000;
constexpr double kPacketBurst = 2'000;

absl::Status Violation(std::string_view what) {
  return absl::InvalidArgumentError(base::ToAbsl(what));
}

}  // namespace

FrontLink::FrontLink(base::UniqueFd socket, uint64_t epoch)
    : socket_(std::move(socket)), epoch_(epoch), pace_(kPacketsPerSecond, kPacketBurst) {
  internal::ToFront message;
  message.mutable_hello()->set_epoch(epoch);
  Queue(message, base::UniqueFd()).IgnoreError();  // an empty queue takes it
}

absl::Status FrontLink::Queue(const internal::ToFront& message, base::UniqueFd descriptor) {
  Item item{.bytes = message.SerializeAsString(), .descriptor = std::move(descriptor)};
  if (queued_bytes_ + item.bytes.size() > kMaxQueuedBytes) {
    return absl::ResourceExhaustedError("the front does not read its link");
  }
  queued_bytes_ += item.bytes.size();
  queue_.push_back(std::move(item));
  return absl::OkStatus();
}

absl::Status FrontLink::SendConnection(uint64_t connection_id, base::UniqueFd connection) {
  internal::ToFront message;
  message.mutable_take_connection()->set_connection_id(connection_id);
  return Queue(message, std::move(connection));
}

absl::Status FrontLink::SendCloseConnections() {
  // What was handed over but not yet taken is to be dropped too.
  std::erase_if(queue_, [this](const Item& item) {
    if (item.descriptor.valid()) queued_bytes_ -= item.bytes.size();
    return item.descriptor.valid();
  });
  internal::ToFront message;
  message.mutable_close_connections();
  return Queue(message, base::UniqueFd());
}

absl::Status FrontLink::SendResult(uint64_t call_id, CallOutcome outcome) {
  if (calls_.erase(call_id) == 0) return absl::OkStatus();
  if (outcome.response.size() > kMaxResponseBytes) {
    outcome = Failure(absl::StatusCode::kInternal, {.reason = base::Reason::kInternalError},
                      "the answer is larger than 4 MiB");
  }
  std::string_view rest = outcome.response;
  while (true) {
    internal::ToFront message;
    internal::CallResult* result = message.mutable_result();
    result->set_call_id(call_id);
    result->set_epoch(epoch_);
    const size_t part = std::min(rest.size(), kPartBytes);
    result->set_response(rest.data(), part);
    rest.remove_prefix(part);
    result->set_more(!rest.empty());
    if (rest.empty()) {
      result->set_code(outcome.code);
      // A proto3 string must be UTF-8 or nobody can parse it; ours is ASCII, and stays so.
      result->set_message(base::EscapeForLog(outcome.message, kMaxTextBytes));
      if (outcome.detail.size() <= kMaxDetailBytes) result->set_detail(outcome.detail);
    }
    FLATVM_RETURN_IF_ERROR(Queue(message, base::UniqueFd()));
    if (rest.empty()) return absl::OkStatus();
  }
}

absl::Status FrontLink::Flush() {
  while (!queue_.empty()) {
    const Item& item = queue_.front();
    switch (base::SendPacket(socket_.get(), item.bytes, item.descriptor.get())) {
      case base::SendResult::kWouldBlock:
        return absl::OkStatus();
      case base::SendResult::kBroken:
        return absl::UnavailableError("the front is gone");
      case base::SendResult::kSent:
        queued_bytes_ -= item.bytes.size();
        queue_.pop_front();
    }
  }
  return absl::OkStatus();
}

absl::Status FrontLink::Receive(Time now, std::vector<internal::FromFront>* messages) {
  paused_ = false;
  for (int i = 0; i < kPacketsPerTurn && calls_.size() < kMaxCallsOfFront; ++i) {
    if (pace_.Wait(now).count() > 0) {
      paused_ = true;
      return absl::OkStatus();
    }
    base::Packet packet;
    switch (base::ReceivePacket(socket_.get(), base::Descriptors::kRefuse, &packet)) {
      case base::ReceiveResult::kWouldBlock:
        return absl::OkStatus();
      case base::ReceiveResult::kClosed:
        return absl::CancelledError("the front closed its link");
      case base::ReceiveResult::kBroken:
        return Violation("a packet too large, or with a descriptor");
      case base::ReceiveResult::kPacket:
        pace_.Take(now);
    }
    internal::FromFront message;
    if (!message.ParseFromString(packet.bytes)) return Violation("a packet that is no message");
    FLATVM_RETURN_IF_ERROR(Check(message));
    if (message.has_call()) {
      // Made before the front heard of us: it has failed the call by itself.
      if (message.call().epoch() != epoch_) continue;
      calls_.insert(message.call().call_id());
    }
    messages->push_back(std::move(message));
  }
  return absl::OkStatus();
}

absl::Status FrontLink::Check(const internal::FromFront& message) const {
  switch (message.kind_case()) {
    case internal::FromFront::kCall:
      if (message.call().method().size() > kMaxMethodBytes) return Violation("a method too long");
      if (message.call().epoch() == epoch_ && calls_.contains(message.call().call_id())) {
        return Violation("a call id used twice");
      }
      return absl::OkStatus();
    case internal::FromFront::kConnectionClosed:
      return absl::OkStatus();
    case internal::FromFront::KIND_NOT_SET:
      break;
  }
  return Violation("a message of no known kind");
}

void FrontLink::Shut() { ::shutdown(socket_.get(), SHUT_RDWR); }

uint32_t FrontLink::Events() const {
  const bool reads = !paused_ && calls_.size() < kMaxCallsOfFront;
  return (reads ? uint32_t{EPOLLIN} : 0U) | (queue_.empty() ? 0U : uint32_t{EPOLLOUT});
}

std::chrono::milliseconds FrontLink::Pause(Time now) {
  return paused_ ? pace_.Wait(now, kPacketsPerTurn) : std::chrono::milliseconds(0);
}

}  // namespace flatvm::gate
