// tc(8) by netlink: puts a BPF program where an interface's frames come in or go out, as the only
// thing there that is flatvm's.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "network/netlink/socket.h"

namespace flatvm::guard {

enum class Way { kIn, kOut };  // seen from the host: kIn is what the interface receives

// Thread-compatible. Needs CAP_NET_ADMIN. Errors of every call: INTERNAL with what was asked for.
class TrafficControl {
 public:
  static absl::StatusOr<TrafficControl> Open();

  // The qdisc clsact on the interface, which filters hang on; nothing if it is there. Fails where
  // the old qdisc "ingress" stands in its place.
  absl::Status EnsureClsact(uint32_t interface);

  // The name that AttachProgram gave to what is there; empty: ours is not there.
  absl::StatusOr<std::string> FindProgram(uint32_t interface, Way way);

  // Puts `program` (a descriptor) in the place of what we had there, with no moment between.
  // `name`: for people, and for FindProgram; 255 bytes at most.
  absl::Status AttachProgram(uint32_t interface, Way way, int program, const std::string& name);

  // Takes ours away; OK if it, or the interface, is not there.
  absl::Status DetachProgram(uint32_t interface, Way way);

 private:
  explicit TrafficControl(netlink::Socket socket) : socket_(std::move(socket)) {}
  netlink::Socket socket_;
};

}  // namespace flatvm::guard
