#include "network/address_pool.h"

#include <gtest/gtest.h>

#include "daemon/base/error.h"

namespace flatvm::network {
namespace {

Ipv4Subnet Subnet(std::string_view text) { return *ParseIpv4Subnet("test", text); }
Ipv4Address Address(std::string_view text) { return *ParseIpv4Address("test", text); }

void ExpectExhausted(const absl::Status& status, base::Reason reason, uint64_t limit) {
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  const base::ErrorInfo info = base::GetErrorInfo(status);
  EXPECT_EQ(info.reason, reason);
  EXPECT_EQ(info.limit_value, limit);
  EXPECT_EQ(info.used, limit);
  EXPECT_EQ(info.asked, 1U);
  EXPECT_EQ(info.left, 0U);
}

TEST(SubnetPool, HandsOutTheLowestFirst) {
  SubnetPool pool(Subnet("10.213.0.0/16"), 24);
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.0.0/24");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.1.0/24");
}

TEST(SubnetPool, ReusesTheLowestFreedSubnet) {
  SubnetPool pool(Subnet("10.213.0.0/16"), 24);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(pool.Allocate().ok());
  pool.Remove(Subnet("10.213.3.0/24"));
  pool.Remove(Subnet("10.213.1.0/24"));
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.1.0/24");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.3.0/24");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.5.0/24");
}

TEST(SubnetPool, SaysWhenItIsEmpty) {
  SubnetPool pool(Subnet("10.213.0.0/27"), 29);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(pool.Allocate().ok());
  ExpectExhausted(pool.Allocate().status(), base::Reason::kSubnetPoolEmpty, 4);
  ExpectExhausted(pool.FindFree().status(), base::Reason::kSubnetPoolEmpty, 4);
  pool.Remove(Subnet("10.213.0.8/29"));
  EXPECT_EQ(pool.FindFree()->ToString(), "10.213.0.8/29");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.0.8/29");
}

TEST(SubnetPool, EndsWithTheAddressSpace) {
  SubnetPool pool(Subnet("255.255.255.0/24"), 25);
  EXPECT_TRUE(pool.Allocate().ok());
  EXPECT_EQ(pool.Allocate()->ToString(), "255.255.255.128/25");
  ExpectExhausted(pool.Allocate().status(), base::Reason::kSubnetPoolEmpty, 2);
}

TEST(SubnetPool, DoesNotHandOutWhatARecordHas) {
  SubnetPool pool(Subnet("10.213.0.0/16"), 24);
  ASSERT_TRUE(pool.Take(Subnet("10.213.0.0/24")).ok());
  ASSERT_TRUE(pool.Take(Subnet("10.213.2.0/24")).ok());
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.1.0/24");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.3.0/24");
}

TEST(SubnetPool, WorksAroundSubnetsOfAnEarlierSize) {
  SubnetPool pool(Subnet("10.213.0.0/16"), 24);
  ASSERT_TRUE(pool.Take(Subnet("10.213.0.64/26")).ok());
  ASSERT_TRUE(pool.Take(Subnet("10.213.2.0/23")).ok());
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.1.0/24");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.4.0/24");
}

TEST(SubnetPool, RefusesToTakeWhatIsTakenOrNotItsOwn) {
  SubnetPool pool(Subnet("10.213.0.0/16"), 24);
  ASSERT_TRUE(pool.Take(Subnet("10.213.4.0/24")).ok());
  EXPECT_EQ(pool.Take(Subnet("10.213.4.0/24")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(pool.Take(Subnet("10.213.4.128/25")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(pool.Take(Subnet("10.213.4.0/22")).code(), absl::StatusCode::kAlreadyExists);
  for (const char* foreign : {"10.214.0.0/24", "10.212.255.0/24", "10.0.0.0/8", "0.0.0.0/0"}) {
    const absl::Status status = pool.Take(Subnet(foreign));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << foreign;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kFieldOutOfRange) << foreign;
  }
}

TEST(SubnetPool, RemovingTwiceIsHarmless) {
  SubnetPool pool(Subnet("10.213.0.0/16"), 24);
  const Ipv4Subnet subnet = *pool.Allocate();
  pool.Remove(subnet);
  pool.Remove(subnet);
  EXPECT_EQ(*pool.Allocate(), subnet);
}

TEST(AddressPool, BeginsAfterTheGateway) {
  AddressPool pool(Subnet("10.213.4.0/24"));
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.4.2");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.4.3");
}

TEST(AddressPool, ReusesTheLowestFreedAddress) {
  AddressPool pool(Subnet("10.213.4.0/24"));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(pool.Allocate().ok());
  pool.Remove(Address("10.213.4.4"));
  pool.Remove(Address("10.213.4.3"));
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.4.3");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.4.4");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.4.6");
}

TEST(AddressPool, NeverHandsOutTheBroadcastAddress) {
  AddressPool pool(Subnet("10.213.4.8/29"));
  for (const char* expected :
       {"10.213.4.10", "10.213.4.11", "10.213.4.12", "10.213.4.13", "10.213.4.14"}) {
    EXPECT_EQ(pool.Allocate()->ToString(), expected);
  }
  ExpectExhausted(pool.Allocate().status(), base::Reason::kSubnetFull, 5);
}

TEST(AddressPool, RefusesToTakeReservedForeignAndTakenAddresses) {
  AddressPool pool(Subnet("10.213.4.0/24"));
  for (const char* text :
       {"10.213.4.0", "10.213.4.1", "10.213.4.255", "10.213.5.2", "10.213.3.2", "0.0.0.0"}) {
    const absl::Status status = pool.Take(Address(text));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kFieldOutOfRange) << text;
  }
  EXPECT_TRUE(pool.Take(Address("10.213.4.254")).ok());
  EXPECT_EQ(pool.Take(Address("10.213.4.254")).code(), absl::StatusCode::kAlreadyExists);
}

TEST(AddressPool, DoesNotHandOutWhatARecordHas) {
  AddressPool pool(Subnet("10.213.4.0/24"));
  ASSERT_TRUE(pool.Take(Address("10.213.4.2")).ok());
  ASSERT_TRUE(pool.Take(Address("10.213.4.4")).ok());
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.4.3");
  EXPECT_EQ(pool.Allocate()->ToString(), "10.213.4.5");
}

TEST(MacFor, HoldsTheLow24BitsOfTheAddress) {
  EXPECT_EQ(MacFor(Address("10.213.4.2")), "52:54:00:d5:04:02");
  EXPECT_EQ(MacFor(Address("10.0.255.10")), "52:54:00:00:ff:0a");
}

}  // namespace
}  // namespace flatvm::network
