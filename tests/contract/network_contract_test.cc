// What every TenantNetworks does: the fake, and LibvirtNetworks on libvirt's own in-memory driver.
// On a live libvirtd, dnsmasq and kernel: tests/integration/libvirt_networks_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "tests/contract/network_subjects.h"

namespace flatvm::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(NetworkContract, ListsNetworksInOrder) {
  EXPECT_THAT(*networks().ListNetworks(), IsEmpty());
  ASSERT_EQ(networks().EnsureNetwork(globex_), absl::OkStatus());
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_THAT(*networks().ListNetworks(), ElementsAre(NetworkId{"acme"}, NetworkId{"globex"}));
}

TEST_P(NetworkContract, EnsuresOnceAndAgain) {
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_THAT(*networks().ListNetworks(), ElementsAre(NetworkId{"acme"}));
  EXPECT_TRUE(Holds({"acme"}, acme_.leases[0]));
}

TEST_P(NetworkContract, EnsureBringsLeasesInLine) {
  NetworkSpec spec = acme_;
  spec.leases.push_back(web_);
  ASSERT_EQ(networks().EnsureNetwork(spec), absl::OkStatus());
  ASSERT_TRUE(Holds({"acme"}, web_));
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_FALSE(Holds({"acme"}, web_));
  EXPECT_TRUE(Holds({"acme"}, acme_.leases[0]));
  ASSERT_EQ(networks().EnsureNetwork(spec), absl::OkStatus());
  EXPECT_TRUE(Holds({"acme"}, web_));
}

TEST_P(NetworkContract, EnsureHandsANameToAnotherMachine) {
  NetworkSpec spec = acme_;
  spec.leases.push_back(web_);
  ASSERT_EQ(networks().EnsureNetwork(spec), absl::OkStatus());
  spec.leases[1].mac = "52:54:00:d5:04:04";
  spec.leases[1].address.value += 1;
  ASSERT_EQ(networks().EnsureNetwork(spec), absl::OkStatus());
  EXPECT_FALSE(Holds({"acme"}, web_));
  EXPECT_TRUE(Holds({"acme"}, spec.leases[1]));
}

TEST_P(NetworkContract, TakesASpecWithoutLeases) {
  NetworkSpec spec = acme_;
  spec.leases.clear();
  ASSERT_EQ(networks().EnsureNetwork(spec), absl::OkStatus());
  EXPECT_EQ(networks().AddLease({"acme"}, web_), absl::OkStatus());
  EXPECT_TRUE(Holds({"acme"}, web_));
  EXPECT_EQ(networks().RemoveLease({"acme"}, web_), absl::OkStatus());
  EXPECT_FALSE(Holds({"acme"}, web_));
}

TEST_P(NetworkContract, RemovesANetworkAndIsNotSurprisedByNone) {
  EXPECT_EQ(networks().RemoveNetwork(acme_), absl::OkStatus());
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  ASSERT_EQ(networks().EnsureNetwork(globex_), absl::OkStatus());
  EXPECT_EQ(networks().RemoveNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(networks().RemoveNetwork(acme_), absl::OkStatus());
  EXPECT_THAT(*networks().ListNetworks(), ElementsAre(NetworkId{"globex"}));
  EXPECT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
}

TEST_P(NetworkContract, CountsTrafficFromTheNetworksBeginToItsEnd) {
  EXPECT_EQ(networks().GetTraffic(acme_.subnet).status().code(), absl::StatusCode::kNotFound);
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(networks().GetTraffic(acme_.subnet).value_or(Traffic{.refused = 1}), Traffic{});
  ASSERT_EQ(networks().RemoveNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(networks().GetTraffic(acme_.subnet).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(NetworkContract, AddsALeaseOnceAndAgain) {
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(networks().AddLease({"acme"}, web_), absl::OkStatus());
  EXPECT_EQ(networks().AddLease({"acme"}, web_), absl::OkStatus());
  EXPECT_TRUE(Holds({"acme"}, web_));
}

TEST_P(NetworkContract, RemovesALeaseAndIsNotSurprisedByNone) {
  EXPECT_TRUE(networks().RemoveLease({"acme"}, web_).ok()) << "not even a network";
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(networks().RemoveLease({"acme"}, web_), absl::OkStatus());
  ASSERT_EQ(networks().AddLease({"acme"}, web_), absl::OkStatus());
  EXPECT_EQ(networks().RemoveLease({"acme"}, web_), absl::OkStatus());
  EXPECT_FALSE(Holds({"acme"}, web_));
  EXPECT_EQ(networks().RemoveLease({"acme"}, web_), absl::OkStatus());
  EXPECT_EQ(networks().AddLease({"acme"}, web_), absl::OkStatus());
}

TEST_P(NetworkContract, RefusesALeaseWithoutANetwork) {
  EXPECT_EQ(networks().AddLease({"acme"}, web_).code(), absl::StatusCode::kInternal);
}

TEST_P(NetworkContract, RefusesALeaseThatSharesSomethingWithAnother) {
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  ASSERT_EQ(networks().AddLease({"acme"}, web_), absl::OkStatus());
  const Lease fresh{.hostname = "db", .mac = "52:54:00:d5:04:04", .address = {0x0AD50404U}};
  Lease same_name = fresh;
  same_name.hostname = web_.hostname;
  Lease same_mac = fresh;
  same_mac.mac = web_.mac;
  Lease same_address = fresh;
  same_address.address = web_.address;
  for (const Lease& lease : {same_name, same_mac, same_address}) {
    EXPECT_EQ(networks().AddLease({"acme"}, lease).code(), absl::StatusCode::kInternal);
    // Undoing the step that failed must not take the other's entry.
    EXPECT_EQ(networks().RemoveLease({"acme"}, lease), absl::OkStatus());
  }
  EXPECT_TRUE(Holds({"acme"}, web_));
  EXPECT_EQ(networks().AddLease({"acme"}, fresh), absl::OkStatus());
}

TEST_P(NetworkContract, KeepsTenantsLeasesApart) {
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  ASSERT_EQ(networks().EnsureNetwork(globex_), absl::OkStatus());
  Lease namesake = web_;
  namesake.mac = "52:54:00:d5:05:03";
  namesake.address = {0x0AD50503U};
  ASSERT_EQ(networks().AddLease({"acme"}, web_), absl::OkStatus());
  ASSERT_EQ(networks().AddLease({"globex"}, namesake), absl::OkStatus());
  EXPECT_EQ(networks().RemoveLease({"globex"}, namesake), absl::OkStatus());
  EXPECT_TRUE(Holds({"acme"}, web_));
}

TEST_P(NetworkContract, KeepsATenantsNetworksApart) {
  const NetworkId storage = storage_.Id();
  Lease web = web_;  // the same machine, by another NIC
  web.mac = "52:54:00:d5:06:02";
  web.address = {0x0AD50602U};
  EXPECT_EQ(networks().AddLease(storage, web).code(), absl::StatusCode::kInternal);
  ASSERT_EQ(networks().EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(networks().AddLease(storage, web).code(), absl::StatusCode::kInternal);
  ASSERT_EQ(networks().EnsureNetwork(storage_), absl::OkStatus());
  EXPECT_THAT(*networks().ListNetworks(), ElementsAre(acme_.Id(), storage));
  ASSERT_EQ(networks().AddLease({"acme"}, web_), absl::OkStatus());
  ASSERT_EQ(networks().AddLease(storage, web), absl::OkStatus());
  EXPECT_EQ(networks().RemoveLease(storage, web_), absl::OkStatus()) << "it is the other's";
  EXPECT_TRUE(Holds({"acme"}, web_));
  EXPECT_TRUE(Holds(storage, web));
  EXPECT_EQ(networks().RemoveLease({"acme"}, web_), absl::OkStatus());
  EXPECT_TRUE(Holds(storage, web));
  EXPECT_EQ(networks().RemoveNetwork(storage_), absl::OkStatus());
  EXPECT_THAT(*networks().ListNetworks(), ElementsAre(acme_.Id()));
  EXPECT_TRUE(Holds({"acme"}, acme_.leases[0]));
  EXPECT_EQ(networks().GetTraffic(storage_.subnet).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(networks().GetTraffic(acme_.subnet).ok());
}

TEST_P(NetworkContract, RefusesMalformedInputNamingTheField) {
  const auto expect_refused = [](const absl::Status& status, const char* field) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_EQ(base::GetErrorInfo(status).field, field);
  };
  NetworkSpec spec = acme_;
  spec.tenant = "a'b";
  expect_refused(networks().EnsureNetwork(spec), "tenant");
  spec = acme_;
  spec.leases[0].address = spec.subnet.Gateway();
  expect_refused(networks().EnsureNetwork(spec), "address");
  spec = acme_;
  spec.network = "a'b";
  expect_refused(networks().EnsureNetwork(spec), "network");
  expect_refused(networks().RemoveNetwork(spec), "network");
  spec.tenant = "";
  expect_refused(networks().RemoveNetwork(spec), "tenant");
  Lease lease = web_;
  lease.hostname = "web,ignore";
  expect_refused(networks().AddLease({"acme"}, lease), "hostname");
  expect_refused(networks().RemoveLease({"acme"}, lease), "hostname");
  expect_refused(networks().AddLease({".."}, web_), "tenant");
  expect_refused(networks().AddLease({"acme", ""}, web_), "network");
  expect_refused(networks().RemoveLease({"acme", "a.b"}, web_), "network");
  lease = web_;
  lease.mac = "52:54:00:d5:04";
  expect_refused(networks().AddLease({"acme"}, lease), "mac");
  EXPECT_THAT(*networks().ListNetworks(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, NetworkContract, ::testing::ValuesIn(kImplementations),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace flatvm::network
