#include "network/host_ports.h"

#include <gtest/gtest.h>

namespace flatvm::network {
namespace {

constexpr char kTcp[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n"
    "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2\n"
    "   2: 010200C0:0050 020200C0:C350 01 00000000:00000000 00:00000000 00000000     0        0 3\n"
    "   3: 010200C0:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4\n"
    "nonsense\n"
    "   4: 00000000:zz 00000000:0000 0A\n"
    "   5: 00000000 00000000:0000 0A\n";
constexpr char kUdp6[] =
    "  sl  local_address                         remote_address                        st\n"
    " 10: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07 0\n"
    " 11: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 0\n"
    " 12: 00000000000000000000000000000000:D431 B80D01200000000000000000010000:0035 01 0\n";

TEST(ListeningPorts, AreThoseThatOthersReach) {
  EXPECT_EQ(ParseListeningPorts(Protocol::kTcp, kTcp),
            (HostPorts{{Protocol::kTcp, 22}, {Protocol::kTcp, 443}}));
  EXPECT_EQ(ParseListeningPorts(Protocol::kUdp, kUdp6), (HostPorts{{Protocol::kUdp, 5353}}));
  EXPECT_TRUE(ParseListeningPorts(Protocol::kTcp, "").empty());
}

}  // namespace
}  // namespace flatvm::network
