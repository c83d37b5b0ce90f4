#include "network/nft_forwards.h"

#include <gtest/gtest.h>

namespace flatvm::network {
namespace {

const ForwardBinding kBinding{.protocol = Protocol::kUdp,
                              .host_port = 5353,
                              .address = {0x0AD50403U},
                              .port = 53,
                              .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24")};

TEST(ForwardRules, AreOneElementOfEachSet) {
  EXPECT_EQ(BuildAddForward(kBinding),
            "add element inet flatvm forwards { udp . 5353 : 10.213.4.3 . 53 }\n"
            "add element inet flatvm forwarded { \"fv-0ad50400\" . 10.213.4.3 . udp . 53 }\n");
  EXPECT_EQ(BuildRemoveForward(kBinding),
            "delete element inet flatvm forwards { udp . 5353 : 10.213.4.3 . 53 }\n"
            "delete element inet flatvm forwarded { \"fv-0ad50400\" . 10.213.4.3 . udp . 53 }\n");
}

TEST(ForwardRules, LeaveNothingOfAnybodys) {
  EXPECT_EQ(BuildRemoveAllForwards(),
            "flush map inet flatvm forwards\nflush set inet flatvm forwarded\n");
}

}  // namespace
}  // namespace flatvm::network
