// One message per packet over a SOCK_SEQPACKET socketpair, with at most one descriptor on it. Knows
// nothing of what the bytes mean.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::base {

// A request of 64 KiB and its envelope.
constexpr size_t kMaxPacketBytes = size_t{66} * 1024;

struct PacketPair {
  UniqueFd ours;
  UniqueFd theirs;
};

// Both ends are CLOEXEC and O_NONBLOCK, with send buffers that hold a few of the largest packets.
absl::StatusOr<PacketPair> MakePacketPair();

enum class SendResult { kSent, kWouldBlock, kBroken };

// Sends all of `bytes` (1..kMaxPacketBytes) as one packet, with `descriptor` on it unless that is
// -1. Thread-safe, does not block, raises no SIGPIPE.
SendResult SendPacket(int socket, std::string_view bytes, int descriptor = -1);

struct Packet {
  std::string bytes;
  UniqueFd descriptor;  // CLOEXEC
};

enum class ReceiveResult {
  kPacket,
  kWouldBlock,
  kClosed,  // by the other end; an empty packet counts as that too
  kBroken,  // an error, a packet over kMaxPacketBytes, or a descriptor where none may be
};

enum class Descriptors { kRefuse, kAllowOne };

// Receives one packet into `packet`. Does not block.
ReceiveResult ReceivePacket(int socket, Descriptors descriptors, Packet* packet);

}  // namespace flatvm::base
