// A tenant with two further networks, and secondaries on them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/broker/further_networks.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {

inline base::Reason ReasonOf(const absl::Status& status) {
  return base::GetErrorInfo(status).reason;
}

inline VmSpec SpecOn(const std::vector<std::string>& networks, const std::string& name = "web") {
  VmSpec spec = WebSpec(name);
  spec.networks = networks;
  return spec;
}

class VmNicsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.AddTenant("acme").ok());
    ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
    ASSERT_TRUE(world_.AddNetwork("acme", "backup").ok());
  }

  std::map<std::string, network::Lease> LeasesOn(const std::string& network) {
    return host_.networks.Snapshot().at(network).leases;
  }

  const absl::Status failure_ = absl::InternalError("as the test wants");
  FakeHost host_;
  BrokerWorld world_{host_};
};

}  // namespace flatvm::broker
