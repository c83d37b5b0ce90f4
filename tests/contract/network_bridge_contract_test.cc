// What every TenantNetworks does with networks of mode bridge.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "tests/contract/network_subjects.h"

namespace flatvm::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BridgeContract : public NetworkContract {};

TEST_P(BridgeContract, HasMachinesOnABridgeOfTheOperators) {
  const NetworkId lan = lan_.Id();
  const Lease web{.hostname = "web", .mac = "52:aa:bb:cc:00:01", .address = {}};
  EXPECT_EQ(networks().AddLease(lan, web).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(networks().RemoveNetwork(lan_), absl::OkStatus()) << "it is not there";
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  ASSERT_EQ(networks().EnsureNetwork(lan_), absl::OkStatus());
  EXPECT_EQ(networks().EnsureNetwork(lan_), absl::OkStatus());
  EXPECT_THAT(*networks().ListNetworks(), ElementsAre(acme_.Id(), lan));
  EXPECT_EQ(networks().AddLease(lan, web), absl::OkStatus());
  EXPECT_EQ(networks().AddLease(lan, web), absl::OkStatus());
  const Lease db{.hostname = "db", .mac = "52:aa:bb:cc:00:02", .address = {}};
  EXPECT_EQ(networks().AddLease(lan, db), absl::OkStatus()) << "neither has an address";
  Lease same_mac = db;
  same_mac.hostname = "other";
  EXPECT_EQ(networks().AddLease(lan, same_mac).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(networks().RemoveLease(lan, db), absl::OkStatus());
  EXPECT_EQ(networks().AddLease(lan, same_mac), absl::OkStatus());
  EXPECT_EQ(networks().RemoveNetwork(lan_), absl::OkStatus());
  EXPECT_THAT(*networks().ListNetworks(), ElementsAre(acme_.Id()));
  EXPECT_TRUE(Holds({"acme"}, acme_.leases[0])) << "the first network stays";
  EXPECT_TRUE(networks().GetTraffic(acme_.subnet).ok());
}

TEST_P(BridgeContract, SaysThatABridgeOfTheOperatorsIsNotThere) {
  NetworkSpec spec = lan_;
  spec.bridge = "br9";
  const absl::Status status = networks().EnsureNetwork(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kBridgeUnusable);
  EXPECT_EQ(base::GetErrorInfo(status).field, "bridge");
  const Lease web{.hostname = "web", .mac = "52:aa:bb:cc:00:01", .address = {}};
  EXPECT_EQ(base::GetErrorInfo(networks().AddLease(spec.Id(), web)).reason,
            base::Reason::kBridgeUnusable);
  EXPECT_EQ(networks().RemoveLease(spec.Id(), web), absl::OkStatus());
  EXPECT_EQ(networks().RemoveNetwork(spec), absl::OkStatus());
  EXPECT_THAT(*networks().ListNetworks(), IsEmpty());
}

TEST_P(BridgeContract, RefusesMalformedInputNamingTheField) {
  const auto expect_refused = [](const absl::Status& status, const char* field) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_EQ(base::GetErrorInfo(status).field, field);
  };
  NetworkSpec spec = lan_;
  spec.bridge = "a/b";
  expect_refused(networks().EnsureNetwork(spec), "bridge");
  spec.bridge = "fv-0ad50400";
  expect_refused(networks().EnsureNetwork(spec), "bridge");
  spec = lan_;
  spec.vlan = 4095;
  expect_refused(networks().EnsureNetwork(spec), "vlan");
  spec = lan_;
  spec.network = kFirstNetwork;
  expect_refused(networks().EnsureNetwork(spec), "mode");
  spec = lan_;
  spec.leases = {web_};
  expect_refused(networks().EnsureNetwork(spec), "address");
  EXPECT_THAT(*networks().ListNetworks(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, BridgeContract, ::testing::ValuesIn(kImplementations),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace flatvm::network
