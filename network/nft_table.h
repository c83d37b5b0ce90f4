// Runs nftables commands through libnftables, in the caller's network namespace.
#pragma once

#include <mutex>
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

 private:
  std::mutex mutex_;  // libnftables promises nothing about two contexts at a time
};

}  // namespace flatvm::network
