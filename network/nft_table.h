// Runs nftables commands through libnftables, in the caller's network namespace.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::network {

// What a thread is called while it changes nftables. The kernel tells those who watch nftables the
// name of who changed them, and so our own changes are told from others'. 15 bytes at most.
inline constexpr char kOwnThreadName[] = "flatvmd-filter";

// Thread-safe; blocks on the kernel. Needs CAP_NET_ADMIN.
class NftTable {
 public:
  // Runs `commands` as one transaction: all of them or none. Errors: INTERNAL with nftables' text.
  absl::Status Run(const std::string& commands);
  // The same for such as list; what they say.
  absl::StatusOr<std::string> Ask(const std::string& commands);

  // Whether somebody else changed nftables, be it another table, since this was asked last. True
  // the first time, if one of ours failed since, and if the kernel does not say. A change in the
  // midst of one of ours may be taken for ours: who has to know of each listens (filter_watch.h).
  bool TakeOthersChanges();

 private:
  absl::StatusOr<std::string> RunCounting(const std::string& commands, uint32_t transactions);
  // With mutex_ held: notes whether the kernel's count of transactions is what it was, or
  // larger by not more than what was ours.
  void Count(uint32_t ours);

  std::mutex mutex_;  // libnftables promises nothing about two contexts at a time
  std::optional<uint32_t> transactions_;  // as the kernel counts them; what was ours last
  bool others_changed_ = true;
};

}  // namespace flatvm::network
