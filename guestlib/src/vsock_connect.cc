#include "guestlib/src/vsock_connect.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
// linux/vm_sockets.h needs sockaddr first.
#include <linux/vm_sockets.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "guestlib/src/decode_error.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// As rresvport(3) does for TCP: the lower half of the reserved ports is left to services, such as
// sshd on vsock port 22.
constexpr uint32_t kFirstSourcePort = 512;
constexpr uint32_t kSourcePorts = 512;

ConnectFailure Unreachable(std::string message, Outlook outlook) {
  return {.error = {.code = Code::kUnavailable,
                    .reason = Reason::kBrokerUnreachable,
                    .message = std::move(message)},
          .outlook = outlook};
}

// This machine's fault, not the broker's.
ConnectFailure Local(const std::string& what, int error) {
  return {.error = {.code = Code::kInternal,
                    .reason = Reason::kInternalError,
                    .message = what + ": " + std::strerror(error)},
          .outlook = Outlook::kFinal};
}

std::string Place(const BrokerAddress& broker) {
  return "(CID " + std::to_string(broker.cid) + ", port " + std::to_string(broker.port) + ")";
}

sockaddr_vm Address(uint32_t cid, uint32_t port) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  return address;
}

const sockaddr* Generic(const sockaddr_vm* address) {
  return reinterpret_cast<const sockaddr*>(address);
}

// Begins anywhere: a port just given back may still be known to the other end.
uint32_t FirstOffset() {
  uint32_t bits = 0;
  if (::getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits) return 0;
  return bits % kSourcePorts;
}

// 0, or an errno: EADDRINUSE if none is free.
int BindReservedPort(int fd) {
  const uint32_t first = FirstOffset();
  for (uint32_t i = 0; i < kSourcePorts; ++i) {
    const uint32_t port = kFirstSourcePort + (first + kSourcePorts - i) % kSourcePorts;
    const sockaddr_vm address = Address(VMADDR_CID_ANY, port);
    if (::bind(fd, Generic(&address), sizeof address) == 0) return 0;
    if (errno != EADDRINUSE) return errno;
  }
  return EADDRINUSE;
}

// Waits for a connect that is under way. 0, or an errno: ETIMEDOUT if the time is up.
int FinishConnect(int fd, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready > 0) break;
    if (ready == 0) return ETIMEDOUT;
    if (errno != EINTR) return errno;
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

// 0, or an errno.
int Connect(int fd, const BrokerAddress& broker, milliseconds timeout) {
  // The kernel gives up by itself after 2 s (VSOCK_DEFAULT_CONNECT_TIMEOUT); ours counts instead.
  const timeval bound = {.tv_sec = timeout.count() / 1000,
                         .tv_usec = (timeout.count() % 1000) * 1000};
  ::setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &bound, sizeof bound);
  const sockaddr_vm address = Address(broker.cid, broker.port);
  if (::connect(fd, Generic(&address), sizeof address) == 0) return 0;
  return errno == EINPROGRESS || errno == EINTR ? FinishConnect(fd, timeout) : errno;
}

}  // namespace

ConnectFailure SocketFailure(int error) {
  if (error == EAFNOSUPPORT || error == ENODEV || error == EPROTONOSUPPORT) {
    return Unreachable(
        "this machine has no vsock: is it a VM with a vsock device, and is the kernel module "
        "vmw_vsock_virtio_transport there?",
        Outlook::kFinal);
  }
  return Local("cannot open a vsock socket", error);
}

ConnectFailure BindFailure(int error) {
  if (error == EACCES || error == EPERM) {
    return {.error = {.code = Code::kPermissionDenied,
                      .reason = Reason::kPolicyForbids,
                      .message = "only root may ask: the source port must be below 1024"},
            .outlook = Outlook::kFinal};
  }
  if (error == EADDRINUSE) {
    return Unreachable("no vsock source port below 1024 is free", Outlook::kMayPass);
  }
  return Local("cannot bind a vsock source port", error);
}

ConnectFailure ConnectionFailure(int error, const BrokerAddress& broker, milliseconds timeout) {
  switch (error) {
    case ENODEV:
      return SocketFailure(error);  // the module is there, the device is not
    case ECONNRESET:
    case ECONNREFUSED:
      return Unreachable("no flatvm broker answers on the host " + Place(broker),
                         Outlook::kMayPass);
    case ETIMEDOUT:
      return Unreachable("the host did not take the connection within " + DurationText(timeout) +
                             " " + Place(broker),
                         Outlook::kMayPass);
    default:
      return Unreachable(
          "cannot connect to the host " + Place(broker) + ": " + std::strerror(error),
          Outlook::kMayPass);
  }
}

ConnectResult ConnectVsock(const BrokerAddress& broker, milliseconds timeout) {
  UniqueFd fd(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return SocketFailure(errno);
  if (broker.source_port == SourcePort::kPrivileged) {
    if (const int error = BindReservedPort(fd.get()); error != 0) return BindFailure(error);
  }
  if (const int error = Connect(fd.get(), broker, timeout); error != 0) {
    return ConnectionFailure(error, broker, timeout);
  }
  return fd;
}

}  // namespace flatvm::guestlib
