// What tests of volumes begin with: two tenants on a broker of fakes.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {

inline base::Reason ReasonOf(const absl::Status& status) {
  return base::GetErrorInfo(status).reason;
}

class VolumeLifecycleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.AddTenant("acme").ok());
    ASSERT_TRUE(world_.AddTenant("globex").ok());
  }

  absl::StatusOr<VolumeView> Delete(const std::string& volume, const std::string& request_id = "") {
    return world_.volumes.Delete({.tenant = "acme", .request_id = request_id, .volume = volume});
  }
  absl::StatusOr<VolumeView> Resize(const std::string& volume, uint32_t size_mib) {
    return world_.volumes.Resize({.tenant = "acme", .volume = volume, .size_mib = size_mib});
  }
  std::vector<std::string> Live() {
    const auto primary = host_.hypervisor.GetPrimary("acme-primary");
    return *host_.primary_disks.ListLive(primary->uuid);
  }
  VmSpec WithVolume(const std::string& volume) {
    return {.name = "db", .memory_mib = 192, .vcpus = 1, .volume = volume};
  }

  FakeHost host_;
  BrokerWorld world_{host_};
};

}  // namespace flatvm::broker
