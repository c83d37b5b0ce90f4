#include "network/uplink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"

namespace flatvm::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kHeader[] =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

std::vector<std::string> Parse(const std::string& lines) {
  return ParseDefaultInterfaces(kHeader + lines);
}

TEST(DefaultInterfaces, AreThoseOfTheDefaultRoutes) {
  EXPECT_THAT(Parse("eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                    "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                    "fv-0ad50400\t0004D50A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"),
              ElementsAre("eth0"));
}

TEST(DefaultInterfaces, AreSortedAndNamedOnce) {
  EXPECT_THAT(Parse("wlan0\t00000000\t01\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
                    "eth0\t00000000\t01\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                    "eth0\t00000000\t02\t0003\t0\t0\t200\t00000000\t0\t0\t0\n"),
              ElementsAre("eth0", "wlan0"));
}

TEST(DefaultInterfaces, LeaveOutWhatIsNoUsableDefaultRoute) {
  for (const char* line :
       {"eth0\t00000000\t01\t0002\t0\t0\t0\t00000000\t0\t0\t0\n",     // down
        "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n",  // reject
        "tun0\t00000000\t01\t0003\t0\t0\t0\t00000080\t0\t0\t0\n",     // 0.0.0.0/1
        "eth0\t00000000\t01\tzz\t0\t0\t0\t00000000\t0\t0\t0\n",
        "ev\"il\t00000000\t01\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "eth0\t00000000\n", "\n", ""}) {
    EXPECT_THAT(Parse(line), IsEmpty()) << line;
  }
}

TEST(FindUplinks, TakesTheOperatorsWord) {
  EXPECT_THAT(*FindUplinks("bond0.12"), ElementsAre("bond0.12"));
}

TEST(FindUplinks, RefusesWhatIsNoInterfaceName) {
  for (const char* name : {"", "sixteen-is-too-l", "a b", "a\"b", "a/b", "..", ".", "a;b", "a*"}) {
    const auto uplinks = FindUplinks(name);
    EXPECT_EQ(uplinks.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(base::GetErrorInfo(uplinks.status()).field, "uplink") << name;
  }
}

TEST(FindUplinks, AutoReadsTheKernelsTable) { EXPECT_TRUE(FindUplinks("auto").ok()); }

TEST(LeastMtu, IsOfUplinksThatAreThereAndFitsATenant) {
  EXPECT_EQ(LeastMtu({}), 0U);
  EXPECT_EQ(LeastMtu({"none-such"}), 0U);
  EXPECT_EQ(LeastMtu({"lo", "none-such"}), 65535U) << "lo has more";
}

}  // namespace
}  // namespace flatvm::network
