#include "network/netlink/socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>

#include "daemon/base/error.h"

namespace flatvm::netlink {
namespace {

constexpr size_t kDatagram = size_t{64} << 10U;  // more than the kernel puts into one

// The next datagram; INTERNAL if there is none.
absl::StatusOr<std::string_view> Receive(int fd, std::string* buffer) {
  buffer->resize(kDatagram);
  for (;;) {
    const ssize_t size = ::recv(fd, buffer->data(), buffer->size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return base::ErrnoError(errno, "receiving from netlink");
    return std::string_view(buffer->data(), static_cast<size_t>(size));
  }
}

}  // namespace

absl::StatusOr<Socket> Socket::Open(int protocol) {
  base::UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) return base::ErrnoError(errno, "opening a netlink socket");
  return Socket(std::move(fd));
}

absl::Status Socket::Send(const Message& request) {
  const std::string bytes = request.Take(++sequence_);
  if (::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    return base::ErrnoError(errno, "sending to netlink");
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Socket::Ask(const Message& request) {
  return Ask(request, [](const Received&) {});
}

absl::StatusOr<int> Socket::Ask(const Message& request,
                                const std::function<void(const Received&)>& take) {
  FLATVM_RETURN_IF_ERROR(Send(request));
  std::string buffer;
  for (;;) {
    FLATVM_ASSIGN_OR_RETURN(std::string_view datagram, Receive(fd_.get(), &buffer));
    while (const std::optional<Received> message = NextMessage(&datagram)) {
      if (message->header.nlmsg_seq != sequence_) continue;
      if (message->header.nlmsg_type == NLMSG_ERROR) return -message->As<nlmsgerr>().error;
      take(*message);
    }
  }
}

absl::Status Socket::Demand(const Message& request, std::string_view what) {
  FLATVM_ASSIGN_OR_RETURN(const int error, Ask(request));
  return error == 0 ? absl::OkStatus() : base::ErrnoError(error, what);
}

absl::Status Socket::Dump(const Message& request,
                          const std::function<void(const Received&)>& take) {
  constexpr int kTries = 8;
  for (int left = kTries; left > 0; --left) {
    FLATVM_ASSIGN_OR_RETURN(const std::optional<std::vector<std::string>> whole, Collect(request));
    if (!whole) continue;
    for (const std::string& datagram : *whole) {
      std::string_view rest = datagram;
      while (const std::optional<Received> message = NextMessage(&rest)) {
        if (message->header.nlmsg_seq == sequence_ &&
            message->header.nlmsg_type >= NLMSG_MIN_TYPE) {
          take(*message);
        }
      }
    }
    return absl::OkStatus();
  }
  return base::InternalError("a netlink dump was interrupted again and again");
}

absl::StatusOr<std::optional<std::vector<std::string>>> Socket::Collect(const Message& request) {
  FLATVM_RETURN_IF_ERROR(Send(request));
  std::vector<std::string> datagrams;
  bool interrupted = false;
  for (;;) {
    std::string buffer;
    FLATVM_ASSIGN_OR_RETURN(std::string_view datagram, Receive(fd_.get(), &buffer));
    datagrams.emplace_back(datagram);
    while (const std::optional<Received> message = NextMessage(&datagram)) {
      if (message->header.nlmsg_seq != sequence_) continue;
      interrupted = interrupted || (message->header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      const uint16_t type = message->header.nlmsg_type;
      if (type != NLMSG_DONE && type != NLMSG_ERROR) continue;
      const int error =
          type == NLMSG_DONE ? -message->As<int32_t>() : -message->As<nlmsgerr>().error;
      if (error != 0) return base::ErrnoError(error, "a netlink dump");
      if (interrupted) return std::optional<std::vector<std::string>>();
      return std::optional(std::move(datagrams));
    }
  }
}

}  // namespace flatvm::netlink
