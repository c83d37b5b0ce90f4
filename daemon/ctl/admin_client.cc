#include "daemon/ctl/admin_client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>

#include "daemon/base/error.h"
#include "daemon/base/unique_fd.h"
#include "daemon/ctl/call_status.h"
#include "grpcpp/create_channel_posix.h"
#include "grpcpp/support/channel_arguments.h"

namespace flatvm::ctl {
namespace {

using std::chrono::milliseconds;

// Eight attempts span 9 s: longer than a restart of flatvmd takes.
constexpr int kMaxAttempts = 8;
constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{2000};

// A host's whole list: about 400 bytes a secondary, so this is more than 100,000 of them.
constexpr int kMaxAnswerBytes = 64 * 1024 * 1024;

absl::StatusOr<base::UniqueFd> Connect(const std::string& path, milliseconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return base::FieldError(base::Reason::kFieldOutOfRange, "--socket",
                            "must be a path of 1 to 107 bytes (unix(7))");
  }
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return FromConnectError(errno, path);
  // A full backlog makes connect wait; this bounds the wait (socket(7), SO_SNDTIMEO).
  const timeval bound = {.tv_sec = timeout.count() / 1000,
                         .tv_usec = (timeout.count() % 1000) * 1000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(fd.get(), generic, sizeof(address)) != 0) return FromConnectError(errno, path);
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return FromConnectError(errno, path);
  }
  return fd;
}

bool IsConnectionLoss(const absl::Status& status) {
  const base::Reason reason = base::GetErrorInfo(status).reason;
  return status.code() == absl::StatusCode::kUnavailable &&
         (reason == base::Reason::kBrokerUnreachable || reason == base::Reason::kDaemonRestarted);
}

}  // namespace

absl::Status AdminClient::Attempt(const OneCall& call, Deadline deadline) {
  const auto left =
      std::chrono::duration_cast<milliseconds>(deadline - std::chrono::system_clock::now());
  FLATVM_ASSIGN_OR_RETURN(base::UniqueFd fd,
                          Connect(socket_path_, std::max(left, milliseconds(1))));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  // The channel takes the descriptor over.
  const std::unique_ptr<v1::Admin::Stub> stub = v1::Admin::NewStub(
      grpc::CreateCustomInsecureChannelFromFd("flatvmd", fd.Release(), arguments));
  grpc::ClientContext context;
  context.set_deadline(deadline);
  sent_ = true;
  return FromGrpc(call(*stub, &context), timeout_);
}

absl::Status AdminClient::Run(const OneCall& call) {
  const Deadline deadline = std::chrono::system_clock::now() + timeout_;
  milliseconds pause = kFirstPause;
  sent_ = false;
  for (attempts_ = 1;; ++attempts_) {
    const absl::Status status = Attempt(call, deadline);
    // Nobody was ever there: waiting would not help the one at the terminal.
    if (status.ok() || !sent_ || !IsConnectionLoss(status)) return status;
    const bool in_time = std::chrono::system_clock::now() + pause < deadline;
    if (attempts_ == kMaxAttempts || !in_time) return status;
    sleep_(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace flatvm::ctl
