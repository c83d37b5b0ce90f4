#include "daemon/app/ipv6_pool.h"

#include <gtest/gtest.h>

#include "daemon/base/durable_file.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::app {
namespace {

config::Config ConfigWith(const fakes::TempDir& state, const std::string& pool) {
  config::Config config;
  config.state_dir = state.path();
  config.ipv6_pool = pool;
  return config;
}

TEST(Ipv6Pool, IsMadeOnceAndKept) {
  const fakes::TempDir state, other;
  const auto made = EnsureIpv6Pool(ConfigWith(state, "auto"));
  ASSERT_TRUE(made.ok() && made->has_value()) << made.status();
  EXPECT_EQ((*made)->bytes[0], 0xFD);
  EXPECT_EQ(*EnsureIpv6Pool(ConfigWith(state, "auto")), *made);
  EXPECT_NE(*EnsureIpv6Pool(ConfigWith(other, "auto")), *made) << "at random";
}

TEST(Ipv6Pool, IsTheOperatorsOrNone) {
  const fakes::TempDir state;
  const auto named = EnsureIpv6Pool(ConfigWith(state, "fd12:3456:7800::/40"));
  ASSERT_TRUE(named.ok() && named->has_value());
  EXPECT_EQ((*named)->ToString(), "fd12:3456:7800::/40");
  EXPECT_EQ(*EnsureIpv6Pool(ConfigWith(state, "none")), std::nullopt);
  EXPECT_TRUE(base::ListDirectory(state.path())->empty());
}

TEST(Ipv6Pool, IsNotMadeAnewWhereAFileHoldsNone) {
  const fakes::TempDir state;
  ASSERT_TRUE(base::WriteFileDurably(state.path() + "/ipv6_pool", "fd12::/40x\n").ok());
  EXPECT_FALSE(EnsureIpv6Pool(ConfigWith(state, "auto")).ok());
}

}  // namespace
}  // namespace flatvm::app
