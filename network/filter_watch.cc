#include "network/filter_watch.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/nft_changes.h"
#include "network/nft_table.h"

namespace flatvm::network {
namespace {

// A flush of a firewall with some ten thousand elements; more than that is a change, too (ENOBUFS).
constexpr int kReceiveBuffer = 4 << 20;
constexpr size_t kDatagram = size_t{64} << 10U;
// Between two restores: two programs that undo each other's work for ever shall not take a CPU.
constexpr int kPauseMs = 10;

// Everything that waits; true if the table was changed by `author`, somebody else.
bool ReadAll(int socket, NftChanges* changes, std::string* author) {
  static thread_local std::array<char, kDatagram> buffer;
  bool changed = false;
  for (;;) {
    const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {  // some were lost: perhaps it was ours
      *author = "unknown";
      changed = true;
      continue;
    }
    if (size <= 0) return changed;
    if (std::optional<std::string> name =
            changes->Read({buffer.data(), static_cast<size_t>(size)})) {
      *author = *std::move(name);
      changed = true;
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<FilterWatch>> FilterWatch::Start(KernelNetwork& network,
                                                                base::Logger& log) {
  base::UniqueFd socket(
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  base::UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!socket.valid() || !stop.valid()) return base::ErrnoError(errno, "watching nftables");
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  const int group = NFNLGRP_NFTABLES;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0) {
    return base::ErrnoError(errno, "joining nftables' netlink group");
  }
  std::unique_ptr<FilterWatch> watch(
      new FilterWatch(network, log, std::move(socket), std::move(stop)));
  watch->thread_ = std::thread([raw = watch.get()] { raw->Run(); });
  return watch;
}

FilterWatch::~FilterWatch() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

// Until something comes, or for so long if that is not -1. False: it is to end.
bool FilterWatch::SleepsOn(int timeout_ms) {
  // With a timeout only the stop counts: what comes meanwhile is read together.
  std::array<pollfd, 2> wait = {pollfd{.fd = stop_.get(), .events = POLLIN},
                                pollfd{.fd = socket_.get(), .events = POLLIN}};
  const nfds_t count = timeout_ms < 0 ? 2 : 1;
  while (::poll(wait.data(), count, timeout_ms) < 0 && errno == EINTR) {
  }
  return wait[0].revents == 0;
}

void FilterWatch::Run() {
  NftChanges changes(kOwnThreadName);
  std::string author;
  while (SleepsOn(-1)) {
    if (!ReadAll(socket_.get(), &changes, &author)) continue;
    Restore(author);
    if (!SleepsOn(kPauseMs)) return;
  }
}

void FilterWatch::Restore(const std::string& author) {
  const absl::StatusOr<size_t> tenants = network_.RestoreFilter();
  if (!tenants.ok()) {
    log_.Log(base::LogLevel::kError,
             base::StrCat("somebody (", author,
                          ") changed the tenants' filter, and it cannot be put back: ",
                          base::Message(tenants.status())));
    return;
  }
  if (*tenants == 0) return;
  log_.Log(base::LogLevel::kWarning,
           base::StrCat("somebody (", author, ") changed the tenants' filter; it was put back"));
}

}  // namespace flatvm::network
