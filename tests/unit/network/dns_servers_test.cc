#include "network/dns_servers.h"

#include <gtest/gtest.h>

namespace flatvm::network {
namespace {

TEST(DnsServers, AreTheAddressesOfSocketsAtPort53) {
  EXPECT_EQ(ParseDnsServers("  sl  local_address rem_address   st\n"
                            "  1: 0104D50A:0035 00000000:0000 07 00000000:00000000\n"
                            "  2: 0105D50A:0035 00000000:0000 07 00000000:00000000\n"
                            "  3: 00000000:0043 00000000:0000 07 00000000:00000000\n"
                            "  4: 0106D50A:0135 00000000:0000 07 00000000:00000000\n"
                            "  5: xyz:0035 00000000:0000 07\n"
                            "nonsense\n"),
            (std::set<Ipv4Address>{{0x0AD50401U}, {0x0AD50501U}}));
  EXPECT_TRUE(ParseDnsServers("").empty());
}

}  // namespace
}  // namespace flatvm::network
