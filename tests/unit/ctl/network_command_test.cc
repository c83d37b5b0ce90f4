#include "daemon/ctl/network_command.h"

#include <gmock/gmock.h>

#include "daemon/base/names.h"
#include "nlohmann/json.hpp"
#include "tests/unit/ctl/run_ctl_fixture.h"
#include "tests/unit/ctl/samples.h"

namespace flatvm::ctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

nlohmann::json JsonIn(const std::string& text) {
  return nlohmann::json::parse(text, nullptr, false);
}

TEST_F(RunCtlTest, NetworkAdd) {
  v1::AddNetworkRequest seen;
  admin().add_network = [&](const auto& request, auto* response) {
    seen = request;
    *response->mutable_network() = SampleNetwork();
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("tenant network add acme storage --network isolated"), 0) << err();
  EXPECT_TRUE(base::IsUuid(seen.request_id())) << seen.request_id();
  EXPECT_EQ(seen.tenant(), "acme");
  EXPECT_EQ(seen.name(), "storage");
  EXPECT_EQ(seen.mode(), v1::NETWORK_ISOLATED);
  EXPECT_FALSE(seen.validate_only());
  EXPECT_EQ(out(), "added network storage to tenant acme: 10.213.1.0/24\n");
  EXPECT_EQ(Run("tenant network add acme storage --network nat --json --validate-only"), 0);
  EXPECT_EQ(seen.mode(), v1::NETWORK_NAT);
  EXPECT_TRUE(seen.validate_only());
  EXPECT_EQ(JsonIn(out()).value("domain", ""), "storage.acme.internal");
  EXPECT_TRUE(JsonIn(out())["traffic"].is_null());
}

TEST_F(RunCtlTest, NetworkAddNeedsWhatItSays) {
  EXPECT_EQ(Run("tenant network add acme storage"), 2);
  EXPECT_THAT(err(), HasSubstr("--network"));
  EXPECT_EQ(Run("tenant network add acme --network nat"), 2);
  EXPECT_THAT(err(), HasSubstr("NAME"));
  EXPECT_EQ(Run("tenant network add acme storage --network via-primary"), 2);
  EXPECT_THAT(err(), HasSubstr("--network"));
  EXPECT_EQ(Run("tenant network"), 2);
}

TEST_F(RunCtlTest, NetworkAddOnABridge) {
  v1::AddNetworkRequest seen;
  admin().add_network = [&](const auto& request, auto*) {
    seen = request;
    return grpc::Status::OK;
  };
  const std::string add = "tenant network add acme lan --network ";
  EXPECT_EQ(Run(add + "bridge --bridge br0 --vlan 100"), 0) << err();
  EXPECT_EQ(seen.mode(), v1::NETWORK_BRIDGE);
  EXPECT_EQ(seen.bridge(), "br0");
  EXPECT_EQ(seen.vlan(), 100U);
  EXPECT_EQ(out(), "added network lan to tenant acme\n");
  EXPECT_EQ(Run(add + "bridge --bridge br0"), 0) << err();
  EXPECT_EQ(seen.vlan(), 0U);
  for (const auto& [words, named] :
       std::vector<std::pair<std::string, std::string>>{{"bridge", "--bridge"},
                                                        {"bridge --bridge br0 --vlan 0", "--vlan"},
                                                        {"bridge --bridge br0 --vlan x", "--vlan"},
                                                        {"nat --bridge br0", "--bridge"},
                                                        {"isolated --vlan 1", "--vlan"}}) {
    EXPECT_EQ(Run(add + words), 2) << words;
    EXPECT_THAT(err(), HasSubstr(named)) << words;
  }
}

TEST_F(RunCtlTest, NetworkRemove) {
  v1::RemoveNetworkRequest seen;
  admin().remove_network = [&](const auto& request, auto*) {
    seen = request;
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("tenant network remove acme storage"), 0) << err();
  EXPECT_EQ(seen.tenant(), "acme");
  EXPECT_EQ(seen.name(), "storage");
  EXPECT_EQ(out(), "removed network storage of tenant acme\n");
  EXPECT_EQ(Run("tenant network remove acme storage --validate-only"), 0);
  EXPECT_TRUE(seen.validate_only());
  EXPECT_EQ(out(), "would remove network storage of tenant acme\n");
  EXPECT_EQ(Run("tenant network remove acme storage --json"), 0);
  EXPECT_EQ(JsonIn(out()).dump(), R"({"name":"storage","tenant":"acme"})");
  admin().remove_network = [](const auto&, auto*) {
    return ReasonAnswer(grpc::FAILED_PRECONDITION, v1::NETWORK_IN_USE);
  };
  EXPECT_EQ(Run("tenant network remove acme storage"), 5);
  EXPECT_THAT(err(), HasSubstr("FAILED_PRECONDITION/NETWORK_IN_USE"));
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(RunCtlTest, NetworkRemoveTakesNotFoundForDoneAfterALostConnection) {
  int calls = 0;
  admin().remove_network = [&](const auto&, auto*) {
    if (++calls == 1) return grpc::Status(grpc::UNAVAILABLE, "Socket closed");
    return ReasonAnswer(grpc::NOT_FOUND, v1::NETWORK_NOT_FOUND);
  };
  EXPECT_EQ(Run("tenant network remove acme storage"), 0) << err();
  EXPECT_EQ(Run("tenant network remove acme storage"), 3) << "it was never there";
}

TEST_F(RunCtlTest, NetworkList) {
  admin().list_networks = [](const auto& request, auto* response) {
    EXPECT_EQ(request.tenant(), "acme");
    v1::Network* const first = response->add_networks();
    first->set_name("default");
    first->set_mode(v1::NETWORK_NAT);
    first->set_subnet("10.213.0.0/24");
    first->set_network("flatvm-acme");
    first->set_vms(2);
    first->mutable_traffic()->set_accepted(7);
    first->mutable_traffic()->mutable_exceeded()->set_out(2);
    first->mutable_traffic()->mutable_exceeded()->set_vm_in(3);
    *response->add_networks() = SampleNetwork();
    v1::Network* const lan = response->add_networks();
    lan->set_name("lan");
    lan->set_mode(v1::NETWORK_BRIDGE);
    lan->set_bridge("br0");
    lan->set_vlan(100);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("tenant network list acme"), 0) << err();
  EXPECT_EQ(out(),
            "NAME     MODE      SUBNET         IPV6                   VMS  NETWORK              "
            "BRIDGE        ACCEPTED  SPOOFED  REFUSED  EXCEEDED\n"
            "default  nat       10.213.0.0/24  -                      2    flatvm-acme          "
            "-             7         0        0        5\n"
            "storage  isolated  10.213.1.0/24  fd12:3456:789a:2::/64  0    flatvm-acme.storage  "
            "-             -         -        -        -\n"
            "lan      bridge    -              -                      0    -                    "
            "br0 vlan 100  -         -        -        -\n");
  EXPECT_EQ(Run("tenant network list acme --json"), 0);
  const nlohmann::json networks = JsonIn(out())["networks"];
  ASSERT_EQ(networks.size(), 3U);
  EXPECT_EQ(networks[2]["bridge"], "br0");
  EXPECT_EQ(networks[2]["vlan"], 100);
  EXPECT_EQ(networks[0]["traffic"]["accepted"], 7);
  EXPECT_EQ(networks[1]["subnet"], "10.213.1.0/24");
  EXPECT_EQ(networks[1]["mode"], "isolated");
}

TEST_F(RunCtlTest, TenantShowHasItsNetworks) {
  admin().show_tenant = [](const auto&, auto* response) {
    *response->mutable_tenant() = SampleTenant();
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("tenant show acme"), 0);
  EXPECT_THAT(out(), HasSubstr("storage (isolated, 10.213.1.0/24)\n"));
  EXPECT_EQ(Run("tenant show acme --json"), 0);
  EXPECT_EQ(JsonIn(out())["networks"][0]["domain"], "storage.acme.internal");
}

}  // namespace
}  // namespace flatvm::ctl
