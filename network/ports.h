// Which ports a bridge has, and whose they are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "network/netlink/message.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

struct Port {
  uint32_t index = 0;   // the interface's
  uint32_t bridge = 0;  // the index of the bridge it is on
  std::string name;
  std::string mac;  // of the host's end, as in Lease
  bool operator==(const Port&) const = default;
};

// The port that `message`, of RTM_NEWLINK, tells of; nullopt: none, or on no bridge.
std::optional<Port> ReadPort(const netlink::Received& message);

// The bridge that `message`, of links, tells a change of, or of its ports: one more, one less, or
// one that is otherwise; nullopt: none.
std::optional<uint32_t> ReadChangedBridge(const netlink::Received& message);

// All of the bridge with this index, in the calling thread's network namespace. Errors: INTERNAL.
absl::StatusOr<std::vector<Port>> ListPorts(uint32_t bridge);

// Whether there is, or still is, an interface with this index, likewise.
bool IsThere(uint32_t interface);

using MacBytes = std::array<uint8_t, 6>;

// `mac` is well formed, as CheckLease has it.
MacBytes BytesOfMac(const std::string& mac);

// The machine at the port; null: none of them. It is told by the port's name, base::TapName of the
// machine's address, which neither a guest nor udev changes. A primary may have got its NIC before
// such names were given: then by the port's own address, which libvirt makes the machine's with fe
// in the place of the first byte (virNetDevTapCreateInBridgePort).
const Lease* FindMachine(const Port& port, const std::vector<Lease>& machines);

}  // namespace flatvm::network
