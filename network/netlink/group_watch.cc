#include "network/netlink/group_watch.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "daemon/base/error.h"

namespace flatvm::netlink {
namespace {

constexpr int kReceiveBuffer = 4 << 20;  // some ten thousand messages
constexpr size_t kDatagram = size_t{64} << 10U;
constexpr int kPauseMs = 10;

}  // namespace

absl::StatusOr<std::unique_ptr<GroupWatch>> GroupWatch::Start(int protocol, int group,
                                                              GroupListener& listener) {
  base::UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  base::UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!socket.valid() || !stop.valid()) return base::ErrnoError(errno, "watching a netlink group");
  // With the usual buffer it would do, only not so well.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0) {
    return base::ErrnoError(errno, "joining a netlink group");
  }
  std::unique_ptr<GroupWatch> watch(new GroupWatch(listener, std::move(socket), std::move(stop)));
  watch->thread_ = std::thread([raw = watch.get()] { raw->Run(); });
  return watch;
}

GroupWatch::~GroupWatch() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

// Until something comes, or for so long if that is not -1. False: it is to end.
bool GroupWatch::SleepsOn(int timeout_ms) {
  // With a timeout only the stop counts: what comes meanwhile is read together.
  std::array<pollfd, 2> wait = {pollfd{.fd = stop_.get(), .events = POLLIN},
                                pollfd{.fd = socket_.get(), .events = POLLIN}};
  const nfds_t count = timeout_ms < 0 ? 2 : 1;
  while (::poll(wait.data(), count, timeout_ms) < 0 && errno == EINTR) {
  }
  return wait[0].revents == 0;
}

bool GroupWatch::TakeAll() {
  std::vector<char> buffer(kDatagram);
  bool any = false;
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      listener_.Lost();
      any = true;
      continue;
    }
    if (size <= 0) return any;
    listener_.Take({buffer.data(), static_cast<size_t>(size)});
    any = true;
  }
}

void GroupWatch::Run() {
  while (SleepsOn(-1)) {
    if (!TakeAll()) continue;
    listener_.Settle();
    if (!SleepsOn(kPauseMs)) return;
  }
}

}  // namespace flatvm::netlink
