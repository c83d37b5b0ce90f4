// What the kernel tells of changes to nftables, read for one question: did somebody else change
// flatvm's table? Pure; filter_watch.h listens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flatvm::network {

// Thread-compatible.
class NftChanges {
 public:
  // `own_name`: the name of the threads (prctl(2), PR_SET_NAME) whose transactions do not count. It
  // and not a process id is compared, as the kernel tells ids of its own PID namespace.
  explicit NftChanges(std::string own_name) : own_name_(std::move(own_name)) {}

  // Takes the next datagram of netlink's group NFNLGRP_NFTABLES. Who ended a transaction in it that
  // changed one of its tables, inet and bridge, by the thread's name, escaped for a log line;
  // nullopt: nobody but ourselves. A transaction may come in several datagrams; it counts in its
  // last. What is malformed is passed over.
  std::optional<std::string> Read(std::string_view datagram);

 private:
  const std::string own_name_;
  bool touched_ = false;  // the transaction that is being read changed the table
};

}  // namespace flatvm::network
