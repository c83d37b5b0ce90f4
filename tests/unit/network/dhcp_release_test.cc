#include "network/dhcp_release.h"

#include <gtest/gtest.h>

namespace flatvm::network {
namespace {

TEST(DhcpRelease, NamesTheMachineItsAddressAndTheServer) {
  const Lease lease{.hostname = "web", .mac = "52:54:00:d5:04:ff", .address = {0x0AD504FFU}};
  const std::string message = BuildDhcpRelease(lease, Ipv4Address{0x0AD50401U});
  ASSERT_GE(message.size(), 300U);
  EXPECT_EQ(message.substr(0, 4), std::string("\x01\x01\x06\x00", 4));
  EXPECT_EQ(message.substr(12, 4), "\x0a\xd5\x04\xff");      // ciaddr
  EXPECT_EQ(message.substr(16, 12), std::string(12, '\0'));  // yiaddr, siaddr, giaddr
  EXPECT_EQ(message.substr(28, 6), std::string("\x52\x54\x00\xd5\x04\xff", 6));  // chaddr
  EXPECT_EQ(message.substr(34, 202), std::string(202, '\0'));  // its rest, sname, file
  EXPECT_EQ(message.substr(236, 4), "\x63\x82\x53\x63");
  EXPECT_EQ(message.substr(240, 3), "\x35\x01\x07");              // DHCPRELEASE
  EXPECT_EQ(message.substr(243, 6), "\x36\x04\x0a\xd5\x04\x01");  // server identifier
  EXPECT_EQ(message[249], '\xff');
}

}  // namespace
}  // namespace flatvm::network
