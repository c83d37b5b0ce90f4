// The calls for volumes: what Client sends, what it makes of answers, and its wait for the device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "guestlib/src/client_impl.h"
#include "tests/unit/guestlib/broker_host.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;

constexpr const char* kId = "5d2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071";
constexpr const char* kDevice = "/dev/disk/by-id/virtio-vol-5d2f1c3a9b7e4f60";

v1::Volume WireVolume() {
  v1::Volume volume;
  volume.set_id(kId);
  volume.set_name("data");
  volume.set_tenant("acme");
  volume.set_state(v1::VOLUME_READY);
  volume.set_size_mib(10240);
  volume.set_attached_to("primary");
  volume.set_serial("vol-5d2f1c3a9b7e4f60");
  volume.mutable_created_at()->set_seconds(1'700'000'000);
  return volume;
}

Volume PublicVolume() {
  return {.id = kId,
          .name = "data",
          .tenant = "acme",
          .state = VolumeState::kReady,
          .size_mib = 10240,
          .attached_to = "primary",
          .serial = "vol-5d2f1c3a9b7e4f60",
          .created_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000))};
}

grpc::Status FailedWith(grpc::StatusCode code, v1::Reason reason) {
  v1::ErrorDetail detail;
  detail.set_reason(reason);
  return Failed(code, detail, "as the test says");
}

class VolumeTest : public testing::Test {
 protected:
  // Every call for one volume answers with it, and its request is kept.
  VolumeTest() {
    host_.volumes.create = Keep<v1::CreateVolumeRequest, v1::CreateVolumeResponse>(&created_);
    host_.volumes.attach = Keep<v1::AttachVolumeRequest, v1::AttachVolumeResponse>(&attached_);
    host_.volumes.detach = Keep<v1::DetachVolumeRequest, v1::DetachVolumeResponse>(&detached_);
    host_.volumes.resize = Keep<v1::ResizeVolumeRequest, v1::ResizeVolumeResponse>(&resized_);
    host_.volumes.remove = Keep<v1::DeleteVolumeRequest, v1::DeleteVolumeResponse>(&deleted_);
    host_.volumes.show = Keep<v1::ShowVolumeRequest, v1::ShowVolumeResponse>(&shown_);
    world_.files[kDevice] = milliseconds(0);
  }

  template <typename Request, typename Response>
  Handler<Request, Response> Keep(std::vector<Request>* requests) {
    return [requests](const Request& request, Response* response) {
      requests->push_back(request);
      *response->mutable_volume() = WireVolume();
      return grpc::Status::OK;
    };
  }

  std::vector<v1::CreateVolumeRequest> created_;
  std::vector<v1::AttachVolumeRequest> attached_;
  std::vector<v1::DetachVolumeRequest> detached_;
  std::vector<v1::ResizeVolumeRequest> resized_;
  std::vector<v1::DeleteVolumeRequest> deleted_;
  std::vector<v1::ShowVolumeRequest> shown_;
  BrokerHost host_;
  FakeWorld world_;
  Client client_ =
      ClientImpl::MakeClient({}, world_.Make([this](int /*attempt*/) { return host_.Connect(); }));
};

TEST_F(VolumeTest, CreateSendsTheSpecAndReturnsTheVolume) {
  const Result<Volume> volume = client_.CreateVolume(
      {.name = "data", .size_mib = 10240, .clone_of = "base"}, {.validate_only = true});
  ASSERT_TRUE(volume.ok()) << volume.error().message;
  EXPECT_EQ(*volume, PublicVolume());
  ASSERT_THAT(created_, SizeIs(1));
  EXPECT_EQ(created_[0].name(), "data");
  EXPECT_EQ(created_[0].size_mib(), 10240U);
  EXPECT_EQ(created_[0].clone_of(), "base");
  EXPECT_TRUE(created_[0].validate_only());
}

TEST_F(VolumeTest, EveryCallNamesTheVolumeAndReturnsIt) {
  for (const Result<Volume>& volume : {client_.AttachVolume("data"), client_.DetachVolume("data"),
                                       client_.ResizeVolume("data", 20480),
                                       client_.DeleteVolume("data"), client_.ShowVolume("data")}) {
    ASSERT_TRUE(volume.ok()) << volume.error().message;
    EXPECT_EQ(*volume, PublicVolume());
  }
  EXPECT_EQ(attached_.at(0).volume(), "data");
  EXPECT_EQ(detached_.at(0).volume(), "data");
  EXPECT_EQ(resized_.at(0).volume(), "data");
  EXPECT_EQ(resized_.at(0).size_mib(), 20480U);
  EXPECT_EQ(deleted_.at(0).volume(), "data");
  EXPECT_EQ(shown_.at(0).volume(), "data");
}

TEST_F(VolumeTest, EveryChangeHasARequestIdAndSaysWhetherItIsOne) {
  for (const CallOptions& call : {CallOptions{}, {.request_id = "mine", .validate_only = true}}) {
    EXPECT_TRUE(client_.CreateVolume({.name = "data", .size_mib = 1}, call).ok());
    EXPECT_TRUE(client_.AttachVolume("data", call).ok());
    EXPECT_TRUE(client_.DetachVolume("data", call).ok());
    EXPECT_TRUE(client_.ResizeVolume("data", 2, call).ok());
    EXPECT_TRUE(client_.DeleteVolume("data", call).ok());
  }
  std::vector<std::string> made_up;
  const auto check = [&](const auto& requests) {
    ASSERT_THAT(requests, SizeIs(2));
    made_up.push_back(requests[0].request_id());
    EXPECT_FALSE(requests[0].validate_only());
    EXPECT_EQ(requests[1].request_id(), "mine");
    EXPECT_TRUE(requests[1].validate_only());
  };
  check(created_);
  check(attached_);
  check(detached_);
  check(resized_);
  check(deleted_);
  EXPECT_THAT(made_up, Each(MatchesRegex("[0-9a-f]{32}")));
  EXPECT_THAT(std::set<std::string>(made_up.begin(), made_up.end()), SizeIs(5));
}

TEST_F(VolumeTest, ListsAllVolumes) {
  host_.volumes.list = [&](const v1::ListVolumesRequest&, v1::ListVolumesResponse* response) {
    *response->add_volumes() = WireVolume();
    response->add_volumes()->set_name("zzz");
    return grpc::Status::OK;
  };
  const Result<std::vector<Volume>> volumes = client_.ListVolumes();
  ASSERT_TRUE(volumes.ok());
  ASSERT_THAT(*volumes, SizeIs(2));
  EXPECT_EQ(volumes->front(), PublicVolume());
  EXPECT_EQ(volumes->back(), (Volume{.name = "zzz"}));
}

TEST_F(VolumeTest, AnErrorHasItsReason) {
  host_.volumes.remove = [](const v1::DeleteVolumeRequest&, v1::DeleteVolumeResponse*) {
    return FailedWith(grpc::FAILED_PRECONDITION, v1::VOLUME_IN_USE);
  };
  const Result<Volume> volume = client_.DeleteVolume("data");
  ASSERT_FALSE(volume.ok());
  EXPECT_EQ(volume.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(volume.error().reason, Reason::kVolumeInUse);
}

TEST_F(VolumeTest, VmsAndVolumesShareOneConnection) {
  EXPECT_TRUE(client_.ListVolumes().ok());
  EXPECT_TRUE(client_.ListVms().ok());
  EXPECT_EQ(world_.connects(), 1);
}

TEST_F(VolumeTest, ACreateWhoseConnectionBreaksIsRepeatedWithTheSameRequestId) {
  std::vector<std::string> requests;
  host_.volumes.create = [&](const v1::CreateVolumeRequest& request, v1::CreateVolumeResponse*) {
    requests.push_back(request.SerializeAsString());
    if (requests.size() == 1) host_.Cut();
    return grpc::Status::OK;
  };
  EXPECT_TRUE(client_.CreateVolume({.name = "data", .size_mib = 1}).ok());
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0], requests[1]);
}

TEST_F(VolumeTest, DeleteTakesNotFoundAfterALossForDone) {
  bool cut = true;
  host_.volumes.remove = [&](const v1::DeleteVolumeRequest&, v1::DeleteVolumeResponse*) {
    if (std::exchange(cut, false)) host_.Cut();
    return FailedWith(grpc::NOT_FOUND, v1::VOLUME_NOT_FOUND);
  };
  const Result<Volume> by_name = client_.DeleteVolume("data");
  ASSERT_TRUE(by_name.ok());
  EXPECT_EQ(*by_name, (Volume{.name = "data"}));
  cut = true;
  const Result<Volume> by_id = client_.DeleteVolume(kId);
  ASSERT_TRUE(by_id.ok());
  EXPECT_EQ(*by_id, (Volume{.id = kId}));
  cut = true;
  EXPECT_FALSE(client_.DeleteVolume("data", {.validate_only = true}).ok());
  EXPECT_FALSE(client_.DeleteVolume("data").ok());  // at once
}

TEST_F(VolumeTest, AttachWaitsForTheDevice) {
  world_.files[kDevice] = milliseconds(130);
  const Result<Volume> volume = client_.AttachVolume("data");
  ASSERT_TRUE(volume.ok()) << volume.error().message;
  EXPECT_EQ(*volume, PublicVolume());
  EXPECT_GE(world_.elapsed(), milliseconds(130));
  EXPECT_LE(world_.elapsed(), milliseconds(200));
}

TEST_F(VolumeTest, AttachWaitsNoLongerThanItsTimeAndSaysForWhat) {
  world_.files.clear();
  const Result<Volume> volume = client_.AttachVolume("data", {.timeout = milliseconds(1'510)});
  ASSERT_FALSE(volume.ok());
  EXPECT_EQ(volume.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(volume.error().reason, Reason::kStageTimedOut);
  EXPECT_THAT(volume.error().message, HasSubstr(kDevice));
  EXPECT_THAT(volume.error().message, HasSubstr("within 1510ms"));
  EXPECT_EQ(world_.elapsed(), milliseconds(1'510));
  EXPECT_THAT(attached_, SizeIs(1));
}

TEST_F(VolumeTest, TheWaitAndTheCallShareOneTime) {
  world_.files.clear();
  host_.volumes.attach = [&](const v1::AttachVolumeRequest&, v1::AttachVolumeResponse* response) {
    world_.Advance(milliseconds(1'000));
    *response->mutable_volume() = WireVolume();
    return grpc::Status::OK;
  };
  EXPECT_FALSE(client_.AttachVolume("data", {.timeout = milliseconds(1'500)}).ok());
  EXPECT_EQ(world_.elapsed(), milliseconds(1'500));
}

TEST_F(VolumeTest, AttachDoesNotWaitWhereItIsNotAskedToOrNothingComes) {
  world_.files.clear();
  EXPECT_TRUE(client_.AttachVolume("data", {.wait_for_device = false}).ok());
  EXPECT_TRUE(client_.AttachVolume("data", {.validate_only = true}).ok());
  host_.volumes.attach = [](const v1::AttachVolumeRequest&, v1::AttachVolumeResponse*) {
    return FailedWith(grpc::FAILED_PRECONDITION, v1::PRIMARY_HAS_NO_SLOT);
  };
  const Result<Volume> no_slot = client_.AttachVolume("data");
  ASSERT_FALSE(no_slot.ok());
  EXPECT_EQ(no_slot.error().reason, Reason::kPrimaryHasNoSlot);
  host_.volumes.attach = {};  // an answer without a serial
  const Result<Volume> no_serial = client_.AttachVolume("data");
  ASSERT_FALSE(no_serial.ok());
  EXPECT_EQ(no_serial.error().code, Code::kInternal);
  EXPECT_THAT(world_.pauses(), IsEmpty());
}

TEST(DevicePath, IsWhereUdevPutsIt) {
  EXPECT_EQ(DevicePath(PublicVolume()), kDevice);
  EXPECT_EQ(DevicePath({}), "");
}

TEST(RealSurroundings, ALinkThatLeadsNowhereIsNoFile) {
  namespace fs = std::filesystem;
  std::string pattern = testing::TempDir() + "flatvm-exists-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const fs::path directory = pattern;
  fs::create_symlink("nowhere", directory / "dangling");
  fs::create_symlink("/dev/null", directory / "device");
  const Surroundings real = RealSurroundings({});
  EXPECT_TRUE(real.exists(directory / "device"));
  EXPECT_FALSE(real.exists(directory / "dangling"));
  EXPECT_FALSE(real.exists(directory / "absent"));
  fs::remove_all(directory);
}

}  // namespace
}  // namespace flatvm::guestlib
