#include "daemon/base/packet_socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "daemon/base/error.h"

namespace flatvm::base {
namespace {

// The kernel refuses a packet larger than the send buffer, and counts its own overhead too.
constexpr int kSendBufferBytes = 512 * 1024;

void RaiseSendBuffer(int socket) {
  const int size = kSendBufferBytes;
  // SO_SNDBUFFORCE needs CAP_NET_ADMIN; without it net.core.wmem_max bounds what we get, which
  // still holds a packet.
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) == 0) return;
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

// The control part of one received message; -1 if it holds no descriptor.
int TakeDescriptor(msghdr* message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
    return descriptor;
  }
  return -1;
}

}  // namespace

absl::StatusOr<PacketPair> MakePacketPair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return ErrnoError(errno, "socketpair");
  }
  PacketPair pair{.ours = UniqueFd(ends[0]), .theirs = UniqueFd(ends[1])};
  RaiseSendBuffer(pair.ours.get());
  RaiseSendBuffer(pair.theirs.get());
  return pair;
}

SendResult SendPacket(int socket, std::string_view bytes, int descriptor) {
  if (bytes.empty() || bytes.size() > kMaxPacketBytes) return SendResult::kBroken;
  iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent == static_cast<ssize_t>(bytes.size())) return SendResult::kSent;
  if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)) {
    return SendResult::kWouldBlock;
  }
  return SendResult::kBroken;
}

ReceiveResult ReceivePacket(int socket, Descriptors descriptors, Packet* packet) {
  packet->bytes.resize(kMaxPacketBytes);
  packet->descriptor.Reset();
  iovec part{.iov_base = packet->bytes.data(), .iov_len = packet->bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  // Without room for it the kernel drops a descriptor and says MSG_CTRUNC.
  if (descriptors == Descriptors::kAllowOne) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
  ssize_t size = -1;
  do {
    size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  packet->bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
  if (size < 0) {
    if (errno == EAGAIN) return ReceiveResult::kWouldBlock;
    return errno == ECONNRESET ? ReceiveResult::kClosed : ReceiveResult::kBroken;
  }
  packet->descriptor.Reset(TakeDescriptor(&message));
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return ReceiveResult::kBroken;
  return size == 0 ? ReceiveResult::kClosed : ReceiveResult::kPacket;
}

}  // namespace flatvm::base
