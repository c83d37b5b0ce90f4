// flatvmctl check, on a host in memory and with a flatvmd that is there or not.
#include "daemon/ctl/run_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "daemon/base/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/ctl/run_ctl_fixture.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::ctl {
namespace {

using base::StrCat;
using testing::HasSubstr;
using testing::IsEmpty;

class RunCheckTest : public RunCtlTest {
 protected:
  RunCheckTest() {
    // Whatever this machine's own configuration is.
    storage::WriteTestFile(root_.path() + "/flatvmd.json", R"({"state_dir": "/srv/flatvm"})");
    admin().list_tenants = [](auto* response) {
      v1::Tenant* tenant = response->add_tenants();
      tenant->set_name("acme");
      tenant->mutable_limits()->set_disk_mib(20480);
      return grpc::Status::OK;
    };
  }

  int RunCheck(const std::string& words = "", const std::string& socket = "") {
    out_.str("");
    err_.str("");
    std::vector<std::string> args = absl::StrSplit(words, ' ', absl::SkipEmpty());
    args.insert(args.begin(), {"--socket", socket.empty() ? host_.socket_path() : socket, "check",
                               "--config", root_.path() + "/flatvmd.json"});
    return RunCtl(args, {.out = out_, .err = err_, .sleep = [](auto) {}, .host = &looked_at_});
  }
  nlohmann::json Json() const { return nlohmann::json::parse(out(), nullptr, false); }

  fakes::TempDir root_;
  fakes::FakeHost looked_at_;
};

TEST_F(RunCheckTest, IsALineAnItem) {
  EXPECT_EQ(RunCheck(), 0) << err();
  EXPECT_THAT(err(), IsEmpty());
  EXPECT_THAT(out(), HasSubstr("STATE  ITEM         WHAT\n"
                               "ok     kvm          usable\n"));
  EXPECT_THAT(out(), HasSubstr("ok     filesystem   xfs, reflink: images move without a copy\n"));
  EXPECT_THAT(out(), HasSubstr("ok     disk         60GiB free; tenants may have 20GiB, and "));
  EXPECT_EQ(looked_at_.asked_directory, "/srv/flatvm");
}

TEST_F(RunCheckTest, EndsWithFiveIfAnItemFailsAfterTheAnswer) {
  looked_at_.files["/sys/kernel/mm/ksm/run"] = "1";
  looked_at_.there.erase("/dev/vhost-vsock");
  EXPECT_EQ(RunCheck(), 5);
  EXPECT_THAT(out(), HasSubstr("fail   ksm "));
  EXPECT_EQ(err(),
            "flatvmctl: this host lacks what flatvm needs: vhost-vsock, ksm "
            "(FAILED_PRECONDITION/HOST_UNFIT)\n");
}

TEST_F(RunCheckTest, LooksForTheBridgesOfTenantsNetworks) {
  admin().list_tenants = [](auto* response) {
    v1::Tenant* tenant = response->add_tenants();
    tenant->set_name("acme");
    tenant->add_networks()->set_name("storage");
    v1::Network* network = tenant->add_networks();
    network->set_name("lan");
    network->set_mode(v1::NETWORK_BRIDGE);
    network->set_bridge("br0");
    return grpc::Status::OK;
  };
  EXPECT_EQ(RunCheck(), 5);
  EXPECT_THAT(out(),
              HasSubstr("fail   networks     br0, of network lan of tenant acme, is not there"));
}

TEST_F(RunCheckTest, WarningsAreNoFailure) {
  looked_at_.kvm = absl::NotFoundError("");
  EXPECT_EQ(RunCheck("--json"), 0) << err();
  EXPECT_EQ(Json()["warned"], 1);
  EXPECT_EQ(Json()["failed"], 0);
  EXPECT_EQ(Json()["items"][0]["name"], "kvm");
  EXPECT_EQ(Json()["items"][0]["state"], "warn");
  EXPECT_THAT(Json()["items"][0]["text"].dump(), HasSubstr("emulated"));
}

TEST_F(RunCheckTest, WorksWithoutFlatvmd) {
  EXPECT_EQ(RunCheck("--json", "/nonexistent/admin.sock"), 0) << err();
  EXPECT_EQ(Json()["items"].back()["name"], "flatvmd");
  EXPECT_EQ(Json()["items"].back()["state"], "warn");
  EXPECT_EQ(Json()["warned"], 2) << "flatvmd, and the disk's promises";
}

TEST_F(RunCheckTest, IsForRoot) {
  looked_at_.root = false;
  EXPECT_EQ(RunCheck(), 7);
  EXPECT_THAT(err(), HasSubstr("PERMISSION_DENIED/POLICY_FORBIDS"));
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(RunCheckTest, WantsTheConfigurationThatIsNamed) {
  const std::vector<std::string> args = {"check", "--config", "/nonexistent"};
  EXPECT_EQ(RunCtl(args, {.out = out_, .err = err_, .sleep = [](auto) {}, .host = &looked_at_}), 2);
  EXPECT_THAT(err(), HasSubstr("--config: there is no file /nonexistent"));
  EXPECT_EQ(Run("check --config="), 2);
  EXPECT_THAT(err(), HasSubstr("--config: "));
}

}  // namespace
}  // namespace flatvm::ctl
