#include "network/host_ports.h"

#include <charconv>
#include <sstream>
#include <string>
#include <tuple>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"

namespace flatvm::network {
namespace {

constexpr size_t kMaxTable = size_t{64} << 20U;
constexpr size_t kIpv4Digits = 8;

// "0100007F" is 127.0.0.1, as little-endian hosts print it; "…01000000" is ::1.
bool IsLoopback(std::string_view address) {
  if (address.size() == kIpv4Digits) return address.ends_with("7F");
  return address == "00000000000000000000000001000000";
}

bool IsNobody(std::string_view address) {
  return address.find_first_not_of("0:") == std::string_view::npos;
}

bool Listens(Protocol protocol, const std::string& state, const std::string& remote) {
  constexpr const char* kListening = "0A";
  return protocol == Protocol::kTcp ? state == kListening : IsNobody(remote);
}

}  // namespace

HostPorts ParseListeningPorts(Protocol protocol, std::string_view table) {
  HostPorts ports;
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string slot, local, remote, state;
    if (!(words >> slot >> local >> remote >> state)) continue;
    const size_t colon = local.find(':');
    if (colon == std::string::npos || !Listens(protocol, state, remote)) continue;
    if (IsLoopback(std::string_view(local).substr(0, colon))) continue;
    uint16_t port = 0;
    constexpr int kHex = 16;
    const char* const end = local.data() + local.size();
    const auto [stop, error] = std::from_chars(local.data() + colon + 1, end, port, kHex);
    if (error == std::errc() && stop == end && port != 0) ports.emplace(protocol, port);
  }
  return ports;
}

absl::StatusOr<HostPorts> ListListeningPorts() {
  HostPorts ports;
  for (const auto& [protocol, path, optional] :
       {std::tuple{Protocol::kTcp, "/proc/thread-self/net/tcp", false},
        {Protocol::kUdp, "/proc/thread-self/net/udp", false},
        {Protocol::kTcp, "/proc/thread-self/net/tcp6", true},
        {Protocol::kUdp, "/proc/thread-self/net/udp6", true}}) {
    const absl::StatusOr<std::string> table = base::ReadFile(path, kMaxTable);
    if (!table.ok() && optional) continue;  // a host without IPv6
    if (!table.ok()) return base::InternalError("the kernel's list of sockets cannot be read");
    ports.merge(ParseListeningPorts(protocol, *table));
  }
  return ports;
}

}  // namespace flatvm::network
