#include "daemon/import_worker/job.h"

#include <poll.h>

#include <cerrno>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/packet_socket.h"
#include "daemon/base/str_cat.h"

namespace flatvm::import_worker {

absl::StatusOr<std::optional<Job::Order>> Job::Receive() {
  pollfd waiting{.fd = link_.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, static_cast<int>(patience_.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return std::nullopt;
  base::Packet packet;
  const base::ReceiveResult result =
      base::ReceivePacket(link_.get(), base::Descriptors::kAllowOne, &packet);
  if (result == base::ReceiveResult::kClosed) return std::nullopt;
  Order order{.message = {}, .file = std::move(packet.descriptor)};
  if (result != base::ReceiveResult::kPacket || !order.message.ParseFromString(packet.bytes) ||
      order.message.has_open() != order.file.valid()) {
    return base::InternalError("the link to flatvmd is broken");
  }
  return order;
}

absl::Status Job::Answer(const internal::FromImportWorker& answer) {
  // flatvmd waits for it: the socket takes it at once.
  return base::SendPacket(link_.get(), answer.SerializeAsString()) == base::SendResult::kSent
             ? absl::OkStatus()
             : base::InternalError("flatvmd takes no answer");
}

absl::StatusOr<internal::FromImportWorker> Job::Carry(Order order) {
  const internal::ToImportWorker& message = order.message;
  internal::FromImportWorker answer;
  absl::Status status;
  if (message.has_open() && !file_.has_value()) {
    file_.emplace(std::move(order.file), message.open().size_bytes());
  } else if (message.has_chunk() && file_.has_value()) {
    const internal::ImportChunk& chunk = message.chunk();
    status = chunk.zeros() > 0 ? file_->WriteZeros(chunk.offset(), chunk.zeros())
                               : file_->Write(chunk.offset(), chunk.data());
  } else if (message.has_digest() && file_.has_value()) {
    absl::StatusOr<std::string> digest = file_->Digest();
    status = digest.status();
    if (digest.ok()) answer.set_sha256(*std::move(digest));
  } else {
    return base::InternalError("flatvmd says what was not its turn");
  }
  if (!status.ok()) answer.set_error(std::string(base::Message(status)));
  // A packet without a byte would be the link's end.
  answer.set_done(true);
  return answer;
}

absl::Status Job::Run() {
  while (true) {
    FLATVM_ASSIGN_OR_RETURN(std::optional<Order> order, Receive());
    if (!order.has_value()) return absl::OkStatus();
    const bool last = order->message.has_digest();
    FLATVM_ASSIGN_OR_RETURN(const internal::FromImportWorker answer, Carry(*std::move(order)));
    FLATVM_RETURN_IF_ERROR(Answer(answer));
    if (last) return absl::OkStatus();
  }
}

}  // namespace flatvm::import_worker
