// Listens to a netlink(7) group with a thread of its own.
#pragma once

#include <memory>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::netlink {

// Who is told, all on the watch's thread.
class GroupListener {
 public:
  virtual ~GroupListener() = default;

  virtual void Take(std::string_view datagram) = 0;
  // Some messages were lost, as they came too fast.
  virtual void Lost() = 0;
  // All that had come was taken. Another batch begins 10 ms later at the earliest, so that two who
  // undo each other's work for ever do not take a CPU.
  virtual void Settle() = 0;
};

class GroupWatch {
 public:
  // Listens in the network namespace of the calling thread, from here on until this goes.
  // `listener` outlives it. May need CAP_NET_ADMIN. Errors: INTERNAL.
  static absl::StatusOr<std::unique_ptr<GroupWatch>> Start(int protocol, int group,
                                                           GroupListener& listener);
  GroupWatch(const GroupWatch&) = delete;
  GroupWatch& operator=(const GroupWatch&) = delete;
  ~GroupWatch();

 private:
  GroupWatch(GroupListener& listener, base::UniqueFd socket, base::UniqueFd stop)
      : listener_(listener), socket_(std::move(socket)), stop_(std::move(stop)) {}
  void Run();
  bool SleepsOn(int timeout_ms);
  bool TakeAll();

  GroupListener& listener_;
  const base::UniqueFd socket_;
  const base::UniqueFd stop_;
  std::thread thread_;
};

}  // namespace flatvm::netlink
