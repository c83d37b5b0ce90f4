// What flatvmctl does when flatvmd goes away, or is not there at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/unit/ctl/run_ctl_fixture.h"
#include "tests/unit/ctl/samples.h"

namespace flatvm::ctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

using LostConnectionTest = RunCtlTest;

TEST_F(LostConnectionTest, SendsALostCallAgainUnchanged) {
  std::vector<std::string> ids;
  admin().create_tenant = [&](const auto& request, auto* response) {
    ids.push_back(request.request_id());
    if (ids.size() == 1) return ReasonAnswer(grpc::StatusCode::UNAVAILABLE, v1::DAEMON_RESTARTED);
    *response->mutable_tenant() = SampleTenant();
    return grpc::Status::OK;
  };
  host_.DropNext(2);
  EXPECT_EQ(Run(kAdd), 0) << err();
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_THAT(pauses_,
              testing::ElementsAre(std::chrono::milliseconds(200), std::chrono::milliseconds(400),
                                   std::chrono::milliseconds(800)));
}

TEST_F(LostConnectionTest, GivesUpOnAConnectionThatIsAlwaysLost) {
  host_.DropNext(1000);
  EXPECT_EQ(Run("list"), 8);
  EXPECT_THAT(err(), HasSubstr("lost the connection to flatvmd"));
  EXPECT_THAT(err(), HasSubstr("(UNAVAILABLE/BROKER_UNREACHABLE)"));
  EXPECT_EQ(pauses_.size(), 7U);
}

TEST_F(LostConnectionTest, StopsTryingWhenTheTimeoutWouldPass) {
  host_.DropNext(1000);
  EXPECT_EQ(Run("list --timeout 100ms"), 8);
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(LostConnectionTest, TakesNotFoundAfterALostDestroyForSuccess) {
  int calls = 0;
  const auto lost_then_gone = [&](const auto&, auto*) {
    return ++calls % 2 == 1 ? ReasonAnswer(grpc::StatusCode::UNAVAILABLE, v1::DAEMON_RESTARTED)
                            : ReasonAnswer(grpc::StatusCode::NOT_FOUND, v1::VM_NOT_FOUND);
  };
  admin().destroy_vm = lost_then_gone;
  admin().remove_tenant = lost_then_gone;
  EXPECT_EQ(Run("destroy acme/web"), 0) << err();
  EXPECT_EQ(out(), "destroyed acme/web\n");
  EXPECT_EQ(Run("tenant remove acme"), 0) << err();
  EXPECT_EQ(out(), "removed tenant acme\n");
  admin().show_vm = lost_then_gone;
  EXPECT_EQ(Run("show acme/web"), 3);
}

TEST_F(LostConnectionTest, SaysThatTheDaemonDidNotAnswerInTime) {
  std::promise<void> done;
  admin().list_vms = [&](const auto&, auto*) {
    done.get_future().wait();
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("list --timeout 100ms"), 9);
  EXPECT_THAT(err(), HasSubstr("did not answer within 100ms"));
  done.set_value();
}

TEST_F(LostConnectionTest, NobodyListeningIsAnErrorAtOnce) {
  const std::string missing = host_.socket_path() + ".missing";
  EXPECT_EQ(Run("list --socket " + missing), 2) << "given twice";
  EXPECT_EQ(RunCtl({"list", "--socket", missing}, {.out = out_, .err = err_, .sleep = {}}), 8);
  EXPECT_THAT(err(), HasSubstr("flatvmctl: flatvmd is not running: " + missing +
                               ": no such socket; start it with systemctl start flatvmd "
                               "(UNAVAILABLE/BROKER_UNREACHABLE)\n"));
  EXPECT_EQ(
      RunCtl({"list", "--socket", std::string(200, 'x')}, {.out = out_, .err = err_, .sleep = {}}),
      2);
}

}  // namespace
}  // namespace flatvm::ctl
