#include "network/dhcp_release.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>

#include "daemon/base/error.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::network {
namespace {

constexpr uint16_t kServerPort = 67;
constexpr size_t kMinimumSize = 300;  // of a BOOTP message, RFC 951
constexpr size_t kAddresses = 4;      // ciaddr, yiaddr, siaddr, giaddr
constexpr size_t kHardwareAddress = 16;
constexpr size_t kNames = 64 + 128;  // sname, file

void AppendBytes(std::string* message, std::initializer_list<uint32_t> bytes) {
  for (const uint32_t byte : bytes) message->push_back(static_cast<char>(byte & 255U));
}

void AppendAddress(std::string* message, Ipv4Address address) {
  AppendBytes(message,
              {address.value >> 24U, address.value >> 16U, address.value >> 8U, address.value});
}

}  // namespace

std::string BuildDhcpRelease(const Lease& lease, Ipv4Address server) {
  std::string message;
  // BOOTREQUEST, Ethernet, 6 bytes of hardware address, no hops; xid, secs and flags mean nothing
  // in a release.
  AppendBytes(&message, {1, 1, 6, 0, 0, 0, 0, 1, 0, 0, 0, 0});
  AppendAddress(&message, lease.address);
  message.append((kAddresses - 1) * sizeof(uint32_t), '\0');
  const size_t hardware_address = message.size();
  for (size_t i = 0; i + 1 < lease.mac.size(); i += 3) {
    uint8_t byte = 0;
    std::from_chars(&lease.mac[i], &lease.mac[i] + 2, byte, 16);
    AppendBytes(&message, {byte});
  }
  message.resize(hardware_address + kHardwareAddress + kNames, '\0');
  AppendBytes(&message, {0x63, 0x82, 0x53, 0x63});  // "options follow"
  AppendBytes(&message, {53, 1, 7});                // message type: DHCPRELEASE
  AppendBytes(&message, {54, 4});                   // server identifier
  AppendAddress(&message, server);
  AppendBytes(&message, {255});  // end
  // No client identifier, which only the machine knows: dnsmasq then goes by the hardware address.
  if (message.size() < kMinimumSize) message.resize(kMinimumSize, '\0');
  return message;
}

absl::Status SendDhcpRelease(const std::string& bridge, const Lease& lease, Ipv4Address server) {
  const base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return base::ErrnoError(errno, "socket for a DHCP release");
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, bridge.c_str(),
                   static_cast<socklen_t>(bridge.size())) != 0) {
    return base::ErrnoError(errno, "SO_BINDTODEVICE for a DHCP release");
  }
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(kServerPort);
  target.sin_addr.s_addr = htonl(server.value);
  const std::string message = BuildDhcpRelease(lease, server);
  if (::sendto(socket.get(), message.data(), message.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&target), sizeof(target)) < 0) {
    return base::ErrnoError(errno, "sending a DHCP release");
  }
  return absl::OkStatus();
}

}  // namespace flatvm::network
