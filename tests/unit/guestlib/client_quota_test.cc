// The calls that change the quota disk: what Client does to its mounts, and what it sends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "guestlib/src/client_impl.h"
#include "tests/unit/guestlib/broker_host.h"

namespace flatvm::guestlib {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kMounted =
    "31 22 254:16 / /mnt/quota rw,noatime shared:5 - ext4 /dev/vdb rw\n";

class ClientQuotaTest : public testing::Test {
 protected:
  ClientQuotaTest() {
    world_.mountinfo = kMounted;
    host_.service.create = [this](const v1::CreateVmRequest& request, v1::CreateVmResponse*) {
      created_.push_back(request);
      return Seen();
    };
    host_.service.destroy = [this](const v1::DestroyVmRequest& request, v1::DestroyVmResponse*) {
      destroyed_.push_back(request);
      return Seen();
    };
    host_.volumes.remove = [this](const v1::DeleteVolumeRequest& request,
                                  v1::DeleteVolumeResponse*) {
      deleted_.push_back(request);
      return Seen();
    };
  }

  // A host's answer; the disk is not mounted when it is asked.
  grpc::Status Seen() {
    mounts_when_asked_ = world_.mounts;
    return answer_;
  }

  grpc::Status answer_;
  std::vector<std::string> mounts_when_asked_;
  std::vector<v1::CreateVmRequest> created_;
  std::vector<v1::DestroyVmRequest> destroyed_;
  std::vector<v1::DeleteVolumeRequest> deleted_;
  BrokerHost host_;
  FakeWorld world_;
  Client client_ =
      ClientImpl::MakeClient({}, world_.Make([this](int /*attempt*/) { return host_.Connect(); }));
  const VmSpec spec_ = {
      .name = "web", .memory_mib = 192, .vcpus = 1, .from_quota_disk = "images/web.raw"};
};

TEST_F(ClientQuotaTest, TheDiskIsMountedBeforeAndAfterButNotMeanwhile) {
  const std::vector<std::function<bool()>> calls = {
      [&] { return client_.CreateVm(spec_).ok(); },
      [&] { return client_.DestroyVm("web", {.return_disk = true}).ok(); },
      [&] { return client_.DeleteVolume("web", {.return_disk = true}).ok(); }};
  for (const auto& call : calls) {
    world_.mounts.clear();
    EXPECT_TRUE(call());
    EXPECT_THAT(mounts_when_asked_, ElementsAre("unmount /mnt/quota"));
    EXPECT_THAT(world_.mounts, ElementsAre("unmount /mnt/quota", "mount /dev/vdb /mnt/quota"));
  }
  EXPECT_EQ(created_.at(0).spec().from_quota_disk(), "images/web.raw");
  EXPECT_TRUE(destroyed_.at(0).return_disk());
  EXPECT_TRUE(deleted_.at(0).return_disk());
}

TEST_F(ClientQuotaTest, IsLeftAloneByEveryOtherCall) {
  VmSpec spec = spec_;
  spec.from_quota_disk = "";
  EXPECT_TRUE(client_.CreateVm(spec).ok());
  EXPECT_TRUE(client_.CreateVm(spec_, {.validate_only = true}).ok());
  EXPECT_TRUE(client_.DestroyVm("web").ok());
  EXPECT_TRUE(client_.DestroyVm("web", {.validate_only = true, .return_disk = true}).ok());
  EXPECT_TRUE(client_.DeleteVolume("web").ok());
  EXPECT_THAT(world_.mounts, IsEmpty());
  EXPECT_FALSE(destroyed_.at(0).return_disk());
}

TEST_F(ClientQuotaTest, IsMountedAgainWhenTheHostRefuses) {
  v1::ErrorDetail detail;
  detail.set_reason(v1::QUOTA_PATH_UNUSABLE);
  answer_ = Failed(grpc::StatusCode::FAILED_PRECONDITION, detail, "there is another file");
  const Result<Vm> vm = client_.DestroyVm("web", {.return_disk = true});
  ASSERT_FALSE(vm.ok());
  EXPECT_EQ(vm.error().reason, Reason::kQuotaPathUnusable);
  EXPECT_THAT(world_.mounts, ElementsAre("unmount /mnt/quota", "mount /dev/vdb /mnt/quota"));
}

}  // namespace
}  // namespace flatvm::guestlib
