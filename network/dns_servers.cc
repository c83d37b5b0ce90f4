#include "network/dns_servers.h"

#include <arpa/inet.h>

#include <charconv>
#include <sstream>
#include <string>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"

namespace flatvm::network {
namespace {

constexpr char kSockets[] = "/proc/thread-self/net/udp";
constexpr size_t kMaxTable = size_t{64} << 20U;

}  // namespace

std::set<Ipv4Address> ParseDnsServers(std::string_view table) {
  constexpr std::string_view kDomainPort = ":0035";
  std::set<Ipv4Address> servers;
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string slot, local;
    if (!(words >> slot >> local) || !local.ends_with(kDomainPort)) continue;
    uint32_t address = 0;  // as the kernel has it in memory
    constexpr int kHex = 16;
    const char* const end = local.data() + local.size() - kDomainPort.size();
    const auto [stop, error] = std::from_chars(local.data(), end, address, kHex);
    if (error == std::errc() && stop == end) servers.insert(Ipv4Address{ntohl(address)});
  }
  return servers;
}

absl::StatusOr<std::set<Ipv4Address>> ListDnsServers() {
  const absl::StatusOr<std::string> table = base::ReadFile(kSockets, kMaxTable);
  if (!table.ok()) return base::InternalError("the kernel's list of UDP sockets cannot be read");
  return ParseDnsServers(*table);
}

}  // namespace flatvm::network
