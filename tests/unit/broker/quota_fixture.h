// What tests of quota disks begin with: a tenant that has one, with an image on it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/types.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {

inline constexpr uint32_t kQuotaMib = 512;  // of the tenant's 1024
inline constexpr uint32_t kImageMib = 11;
inline constexpr char kImagePath[] = "images/web.raw";
inline constexpr char kQuotaDisk[] = "/tenants/acme/quota.raw";

// The tenant "acme".
inline void AddQuotaTenant(BrokerWorld& world) {
  const auto made =
      world.tenants.Create({.name = "acme",
                            .primary = "acme-primary",
                            .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 1024},
                            .quota_disk_mib = kQuotaMib,
                            .restart = PrimaryRestart::kRestart});
  EXPECT_TRUE(made.ok()) << made.status();
  // So that the running primary has been told the disk's size, as it is after every change.
  EXPECT_TRUE(world.quota_moves.plug().Ensure("acme").ok());
  world.host.quota_disks.PutImage("acme", kImagePath, kImageMib * base::kMebibyte);
}

// A secondary of the image.
inline VmSpec WebOfImage(const std::string& name = "web") {
  return {.name = name, .memory_mib = 192, .vcpus = 1, .quota_path = kImagePath};
}

class QuotaTest : public ::testing::Test {
 protected:
  QuotaTest() { AddQuotaTenant(world_); }

  static base::Reason ReasonOf(const absl::Status& status) {
    return base::GetErrorInfo(status).reason;
  }
  absl::StatusOr<VolumeView> Move(const std::string& name = "web") {
    return world_.volumes.Create({.tenant = "acme", .name = name, .quota_path = kImagePath});
  }
  absl::StatusOr<VolumeView> Return(const std::string& name = "web",
                                    const std::string& request_id = "") {
    return world_.volumes.Delete(
        {.tenant = "acme", .request_id = request_id, .volume = name, .fate = DiskFate::kReturn});
  }
  absl::StatusOr<VmRecord> DestroyWithReturn(const std::string& vm = "web",
                                             const std::string& request_id = "") {
    return world_.vms.Destroy(
        {.tenant = "acme", .request_id = request_id, .vm = vm, .fate = DiskFate::kReturn});
  }
  uint32_t QuotaFileMib() { return host_.quota_disks.Snapshot().disks["acme"].size_mib; }
  bool HasImage() { return host_.quota_disks.Snapshot().disks["acme"].images.contains(kImagePath); }
  bool Plugged() {
    const auto snapshot = host_.primary_disks.Snapshot();
    if (snapshot.empty()) return false;
    const fakes::FakeDisks& disks = snapshot.begin()->second;
    return disks.live.size() == 1 && disks.live[0].path == kQuotaDisk &&
           disks.defined == disks.live;
  }
  // flatvmd is killed and starts again.
  BrokerWorld& Restart() {
    next_ = std::make_unique<BrokerWorld>(host_);
    EXPECT_TRUE(next_->reconciler.ReconcileAtStart(*host_.records.Load()).ok());
    return *next_;
  }

  FakeHost host_;
  BrokerWorld world_{host_};
  std::unique_ptr<BrokerWorld> next_;
};

}  // namespace flatvm::broker
