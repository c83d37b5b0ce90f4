#include "daemon/imports/worker_session.h"

#include <poll.h>

#include <cerrno>

#include "daemon/base/error.h"
#include "daemon/base/packet_socket.h"
#include "daemon/base/str_cat.h"

namespace flatvm::imports {
namespace {

constexpr size_t kMaxText = 300;

absl::Status Gone() {
  return base::MakeError(absl::StatusCode::kUnavailable, base::Reason::kServiceManagerUnavailable,
                         "the worker that writes the image ended; try again");
}

}  // namespace

absl::Status WorkerSession::Send(const internal::ToImportWorker& message, int file) {
  const std::string bytes = message.SerializeAsString();
  const bool sent = base::SendPacket(link_.get(), bytes, file) == base::SendResult::kSent;
  return sent ? absl::OkStatus() : Gone();
}

absl::StatusOr<internal::FromImportWorker> WorkerSession::Await(std::chrono::milliseconds timeout) {
  pollfd waiting{.fd = link_.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, static_cast<int>(timeout.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    return base::MakeError(
        absl::StatusCode::kDeadlineExceeded, base::Reason::kStageTimedOut,
        base::StrCat("the image's worker did not answer within ", timeout.count(), " ms"));
  }
  base::Packet packet;
  internal::FromImportWorker answer;
  if (ready < 0 ||
      base::ReceivePacket(link_.get(), base::Descriptors::kRefuse, &packet) !=
          base::ReceiveResult::kPacket ||
      !answer.ParseFromString(packet.bytes)) {
    return Gone();
  }
  if (answer.error().empty()) return answer;
  return base::InternalError(
      base::StrCat("the import worker failed: ", base::EscapeForLog(answer.error(), kMaxText)));
}

absl::Status WorkerSession::Ask(const internal::ToImportWorker& message, int file) {
  FLATVM_RETURN_IF_ERROR(Send(message, file));
  return Await(timeout_).status();
}

absl::Status WorkerSession::Open(int file, uint64_t size_bytes) {
  internal::ToImportWorker message;
  message.mutable_open()->set_size_bytes(size_bytes);
  return Ask(message, file);
}

absl::Status WorkerSession::Write(const storage::ImageChunk& chunk) {
  internal::ToImportWorker message;
  message.mutable_chunk()->set_offset(chunk.offset);
  message.mutable_chunk()->set_data(chunk.data.data(), chunk.data.size());
  message.mutable_chunk()->set_zeros(chunk.zeros);
  return Ask(message, kNoFile);
}

absl::StatusOr<std::string> WorkerSession::Digest(std::chrono::milliseconds timeout) {
  if (!digesting_) {
    internal::ToImportWorker message;
    message.mutable_digest();
    FLATVM_RETURN_IF_ERROR(Send(message, kNoFile));
    digesting_ = true;
  }
  FLATVM_ASSIGN_OR_RETURN(internal::FromImportWorker answer, Await(timeout));
  return std::move(*answer.mutable_sha256());
}

}  // namespace flatvm::imports
