#include "tests/integration/raw_frames.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>

namespace flatvm::integration {
namespace {

std::string Number16(int value) {
  return {static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)};
}

std::string Address(int family, const std::string& text) {
  std::array<char, sizeof(in6_addr)> bytes{};
  EXPECT_EQ(::inet_pton(family, text.c_str(), bytes.data()), 1) << text;
  return {bytes.data(), family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr)};
}

// RFC 1071.
int Checksum(const std::string& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    sum += i % 2 == 0 ? uint32_t{byte} << 8U : byte;
  }
  while (sum >> 16U != 0) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<int>(~sum & 0xFFFFU);
}

}  // namespace

std::string Hex(const std::string& text) {
  std::string digits;
  for (const char c : text) {
    if (c != ':' && c != ' ') digits.push_back(c);
  }
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string EthernetFrame(const std::string& to, const std::string& from, const std::string& type,
                          const std::string& payload) {
  return Hex(to) + Hex(from) + Hex(type) + payload;
}

std::string ArpPayload(int operation, const std::string& sender_mac, const std::string& sender,
                       const std::string& target) {
  return Hex("0001 0800 06 04") + Number16(operation) + Hex(sender_mac) + Address(AF_INET, sender) +
         std::string(ETH_ALEN, '\0') + Address(AF_INET, target);
}

std::string Ipv4Payload(const std::string& from, const std::string& to, int protocol,
                        const std::string& payload, int fragment) {
  std::string header = Hex("45 00") + Number16(static_cast<int>(20 + payload.size())) +
                       Hex("1234") + Number16(fragment) + Hex("40") + static_cast<char>(protocol) +
                       Hex("0000") + Address(AF_INET, from) + Address(AF_INET, to);
  header.replace(10, 2, Number16(Checksum(header)));
  return header + payload;
}

std::string Ipv6Payload(const std::string& from, const std::string& to, int next_header,
                        const std::string& payload, int hop_limit) {
  return Hex("60000000") + Number16(static_cast<int>(payload.size())) +
         static_cast<char>(next_header) + static_cast<char>(hop_limit) + Address(AF_INET6, from) +
         Address(AF_INET6, to) + payload;
}

std::string UdpPayload(int from, int to, const std::string& payload) {
  return Number16(from) + Number16(to) + Number16(static_cast<int>(8 + payload.size())) +
         Hex("0000") + payload;
}

RawPort::RawPort(const NetNamespace& machine, const std::string& interface) {
  machine.Run([this, &interface] {
    fd_.Reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    ASSERT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    packet_mreq every{};
    every.mr_ifindex = address.sll_ifindex;
    every.mr_type = PACKET_MR_PROMISC;
    ASSERT_EQ(::setsockopt(fd_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &every, sizeof(every)), 0);
  });
}

void RawPort::Send(const std::string& frame) {
  EXPECT_EQ(::send(fd_.get(), frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
}

bool RawPort::Gets(const std::string& frame, int timeout_ms) {
  return Find([&](std::string_view got) { return got == frame; }, timeout_ms).has_value();
}

bool RawPort::GetsEndOf(const std::string& payload, int timeout_ms) {
  return Find([&](std::string_view got) { return got.ends_with(payload); }, timeout_ms).has_value();
}

std::optional<std::string> RawPort::Find(const std::function<bool(std::string_view)>& wanted,
                                         int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size >= 0) {
      const std::string_view frame(buffer.data(), static_cast<size_t>(size));
      if (wanted(frame)) return std::string(frame);
      continue;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return std::nullopt;
    pollfd wait{.fd = fd_.get(), .events = POLLIN};
    ::poll(&wait, 1, static_cast<int>(left.count()));
  }
}

}  // namespace flatvm::integration
