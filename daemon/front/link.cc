#include "daemon/front/link.h"

#include <utility>

namespace flatvm::front {
namespace {

// More than all calls in flight and every connection's end.
constexpr size_t kMaxQueued = 256;

}  // namespace

bool Link::Send(const internal::FromFront& message) {
  std::string bytes = message.SerializeAsString();
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) {
      const base::SendResult result = base::SendPacket(socket_.get(), bytes);
      if (result != base::SendResult::kWouldBlock) return result == base::SendResult::kSent;
    }
    if (queue_.size() >= kMaxQueued) return false;
    queue_.push_back(std::move(bytes));
  }
  wake_();
  return true;
}

bool Link::WantsToWrite() const {
  const std::lock_guard lock(mutex_);
  return !queue_.empty();
}

void Link::Flush() {
  const std::lock_guard lock(mutex_);
  while (!queue_.empty()) {
    // A broken link is the receiving side's to notice.
    if (base::SendPacket(socket_.get(), queue_.front()) != base::SendResult::kSent) return;
    queue_.pop_front();
  }
}

Link::Event Link::Receive(internal::ToFront* message, base::UniqueFd* connection) {
  base::Packet packet;
  switch (base::ReceivePacket(socket_.get(), base::Descriptors::kAllowOne, &packet)) {
    case base::ReceiveResult::kWouldBlock:
      return Event::kNothing;
    case base::ReceiveResult::kClosed:
      return Event::kClosed;
    case base::ReceiveResult::kBroken:
      return Event::kBroken;
    case base::ReceiveResult::kPacket:
      break;
  }
  if (!message->ParseFromString(packet.bytes)) return Event::kBroken;
  if (message->has_take_connection() != packet.descriptor.valid()) return Event::kBroken;
  *connection = std::move(packet.descriptor);
  return Event::kMessage;
}

}  // namespace flatvm::front
