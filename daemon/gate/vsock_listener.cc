#include "daemon/gate/vsock_listener.h"

// linux/vm_sockets.h needs sockaddr first.
#include <sys/socket.h>
// clang-format keeps the two apart.
#include <fcntl.h>
#include <linux/vm_sockets.h>

#include <cerrno>
#include <utility>

#include "daemon/base/error.h"

namespace flatvm::gate {
namespace {

constexpr int kBacklog = 128;

absl::StatusOr<int> SocketOption(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) {
    return base::ErrnoError(errno, "getsockopt on the inherited vsock socket");
  }
  return value;
}

}  // namespace

absl::StatusOr<base::UniqueFd> ListenOnVsock(uint32_t port) {
  base::UniqueFd listener(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.valid()) return base::ErrnoError(errno, "socket(AF_VSOCK)");
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return base::ErrnoError(errno, "bind to the vsock port");
  }
  if (::listen(listener.get(), kBacklog) != 0) return base::ErrnoError(errno, "listen on vsock");
  return listener;
}

absl::Status CheckVsockListener(int fd) {
  FLATVM_ASSIGN_OR_RETURN(const int domain, SocketOption(fd, SO_DOMAIN));
  FLATVM_ASSIGN_OR_RETURN(const int type, SocketOption(fd, SO_TYPE));
  FLATVM_ASSIGN_OR_RETURN(const int listens, SocketOption(fd, SO_ACCEPTCONN));
  if (domain != AF_VSOCK || type != SOCK_STREAM || listens == 0) {
    return base::InternalError("the inherited socket is not a listening vsock stream socket");
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return base::ErrnoError(errno, "fcntl on the inherited vsock socket");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Accepted>> AcceptVsock(int listener) {
  sockaddr_vm address{};
  socklen_t size = sizeof address;
  base::UniqueFd socket(::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size,
                                  SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    switch (errno) {
      case EAGAIN:
      case EINTR:
      case ECONNABORTED:
      case ECONNRESET:
        return std::nullopt;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return base::MakeError(absl::StatusCode::kResourceExhausted, base::Reason::kInternalError,
                               "no descriptors or memory left for another connection");
      default:
        return base::ErrnoError(errno, "accept on vsock");
    }
  }
  // A peer that cannot be named is nobody's: CID 0 is refused like every other reserved one.
  if (address.svm_family != AF_VSOCK || size < sizeof address) address = sockaddr_vm{};
  return Accepted{.socket = std::move(socket),
                  .peer = {.cid = {address.svm_cid}, .port = address.svm_port}};
}

}  // namespace flatvm::gate
