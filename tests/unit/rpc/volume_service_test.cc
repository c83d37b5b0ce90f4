#include "daemon/rpc/volume_service.h"

#include <gtest/gtest.h>

#include "tests/support/broker_world.h"

namespace flatvm::rpc {
namespace {

class VolumeServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    service_.AddTo(calls_);
    ASSERT_TRUE(world_.AddTenant("acme").ok());
    ASSERT_TRUE(world_.AddTenant("globex").ok());
  }

  template <typename Response, typename Request>
  Response Ok(const std::string& method, const Request& request) {
    const Answer answer = calls_.Handle("acme", method, request.SerializeAsString());
    EXPECT_EQ(answer.code, 0) << method << ": " << answer.message;
    Response response;
    EXPECT_TRUE(response.ParseFromString(answer.response));
    return response;
  }

  // Of a method whose request names a volume.
  template <typename Response, typename Request>
  v1::Volume Change(const std::string& method) {
    Request request;
    request.set_volume("data");
    return Ok<Response>(method, request).volume();
  }

  v1::Volume Create() {
    v1::CreateVolumeRequest request;
    request.set_name("data");
    request.set_size_mib(64);
    return Ok<v1::CreateVolumeResponse>("CreateVolume", request).volume();
  }

  broker::FakeHost host_;
  broker::BrokerWorld world_{host_};
  VolumeService service_{world_.volumes, world_.directory};
  TenantCalls calls_{world_.callers, host_.log, host_.clock};
};

TEST_F(VolumeServiceTest, CarriesEveryMethodOut) {
  const v1::Volume made = Create();
  EXPECT_EQ(made.state(), v1::VOLUME_READY);
  EXPECT_EQ(made.size_mib(), 64U);
  EXPECT_EQ(made.tenant(), "acme");
  EXPECT_EQ(made.serial().size(), 20U);  // all that virtio has
  EXPECT_TRUE(made.serial().starts_with("vol-"));
  EXPECT_GT(made.created_at().seconds(), 0);

  const auto attached = Change<v1::AttachVolumeResponse, v1::AttachVolumeRequest>("AttachVolume");
  EXPECT_EQ(attached.attached_to(), "primary");
  v1::ResizeVolumeRequest resize;
  resize.set_volume("data");
  resize.set_size_mib(128);
  EXPECT_EQ(Ok<v1::ResizeVolumeResponse>("ResizeVolume", resize).volume().size_mib(), 128U);
  const auto shown = Change<v1::ShowVolumeResponse, v1::ShowVolumeRequest>("ShowVolume");
  EXPECT_EQ(shown.attached_to(), "primary");
  EXPECT_EQ(shown.id(), made.id());
  const auto detached = Change<v1::DetachVolumeResponse, v1::DetachVolumeRequest>("DetachVolume");
  EXPECT_EQ(detached.attached_to(), "");
  const v1::ListVolumesRequest list;
  EXPECT_EQ(Ok<v1::ListVolumesResponse>("ListVolumes", list).volumes_size(), 1);
  const auto deleted = Change<v1::DeleteVolumeResponse, v1::DeleteVolumeRequest>("DeleteVolume");
  EXPECT_EQ(deleted.id(), made.id());
  EXPECT_EQ(Ok<v1::ListVolumesResponse>("ListVolumes", list).volumes_size(), 0);
}

TEST_F(VolumeServiceTest, CarriesTheQuotaDiskThere) {
  ASSERT_TRUE(world_.tenants
                  .Create({.name = "initech",
                           .primary = "initech-primary",
                           .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 1024},
                           .quota_disk_mib = 256,
                           .restart = broker::PrimaryRestart::kRestart})
                  .ok());
  host_.quota_disks.PutImage("initech", "images/web.raw", uint64_t{8} << 20U);
  v1::CreateVolumeRequest create;
  create.set_name("web");
  create.set_from_quota_disk("images/web.raw");
  const Answer made = calls_.Handle("initech", "CreateVolume", create.SerializeAsString());
  v1::CreateVolumeResponse volume;
  ASSERT_TRUE(volume.ParseFromString(made.response));
  EXPECT_EQ(volume.volume().from_quota_disk(), "images/web.raw");
  EXPECT_EQ(volume.volume().quota_mib(), 8U);
  v1::DeleteVolumeRequest back;
  back.set_volume("web");
  back.set_return_disk(true);
  EXPECT_EQ(calls_.Handle("initech", "DeleteVolume", back.SerializeAsString()).code, 0);
  EXPECT_TRUE(host_.quota_disks.Snapshot().disks["initech"].images.contains("images/web.raw"));
}

TEST_F(VolumeServiceTest, ShowsOneTenantNothingOfAnother) {
  const v1::Volume made = Create();
  for (const std::string& reference : {made.name(), made.id()}) {
    v1::AttachVolumeRequest request;
    request.set_volume(reference);
    const Answer answer = calls_.Handle("globex", "AttachVolume", request.SerializeAsString());
    v1::ErrorDetail detail;
    ASSERT_TRUE(detail.ParseFromString(answer.detail));
    EXPECT_EQ(detail.reason(), v1::VOLUME_NOT_FOUND);
  }
}

TEST_F(VolumeServiceTest, TellsTheJournalWhichVolumeItIs) {
  Create();
  Change<v1::AttachVolumeResponse, v1::AttachVolumeRequest>("AttachVolume");
  EXPECT_EQ(host_.log.Lines().back().fields.volume, "data");
  EXPECT_EQ(host_.log.Lines().back().fields.vm, "");
}

}  // namespace
}  // namespace flatvm::rpc
