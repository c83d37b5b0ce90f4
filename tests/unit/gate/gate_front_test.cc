// The gate with real fronts: the flatvm-front program as a child, and a gRPC client in place of a
// primary.
#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "daemon/gate/gate.h"
#include "flatvm/internal/rpc_status.pb.h"
#include "flatvm/v1/secondary_vms.grpc.pb.h"
#include "tests/fakes/fake_log.h"
#include "tests/unit/gate/fake_launcher.h"

namespace flatvm::gate {
namespace {

// Starts flatvm-front without systemd.
class ChildLauncher final : public FrontLauncher {
 public:
  ~ChildLauncher() override {
    for (const auto& [tenant, pid] : children_) Kill(pid);
  }
  absl::Status Start(const std::string& tenant, base::UniqueFd link) override {
    Stop(tenant).IgnoreError();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, link.get(), STDIN_FILENO);
    std::string words[] = {FLATVM_FRONT_PROGRAM, "--tenant", tenant};
    char* argv[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    pid_t pid = -1;
    const int result = ::posix_spawn(&pid, FLATVM_FRONT_PROGRAM, &actions, nullptr, argv, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (result != 0) return base::ErrnoError(result, "posix_spawn");
    const std::lock_guard lock(mutex_);
    children_[tenant] = pid;
    ++starts_;
    changed_.notify_all();
    return absl::OkStatus();
  }
  absl::Status Stop(const std::string& tenant) override {
    const std::lock_guard lock(mutex_);
    if (const auto node = children_.extract(tenant); !node.empty()) Kill(node.mapped());
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> ListRunning() override {
    return std::vector<std::string>{};
  }
  pid_t Child(const std::string& tenant) {
    const std::lock_guard lock(mutex_);
    return children_[tenant];
  }
  bool WaitForStarts(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return starts_ >= count; });
  }

 private:
  static void Kill(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::map<std::string, pid_t> children_;
  int starts_ = 0;
};

class GateFrontTest : public testing::Test {
 protected:
  void SetUp() override { MakeGate(1); }
  void MakeGate(uint64_t epoch) {
    gate_ = nullptr;
    gate_ = std::make_unique<Gate>(
        GateOptions{.fronts = {.epoch = epoch, .min_backoff = std::chrono::milliseconds(1)}},
        launcher_, store_, log_,
        [](base::VsockCid cid) -> absl::StatusOr<std::string> {
          if (cid.value == 1000) return "acme";
          if (cid.value == 1001) return "globex";
          return base::MakeError(absl::StatusCode::kPermissionDenied, base::Reason::kPolicyForbids,
                                 "unknown");
        },
        [](const std::string& tenant, const std::string& method, const std::string& request,
           std::chrono::milliseconds) {
          v1::ShowVmRequest parsed;
          parsed.ParseFromString(request);
          if (method != "ShowVm" || parsed.vm() == "none") {
            return Failure(absl::StatusCode::kNotFound, {.reason = base::Reason::kVmNotFound},
                           "no such VM");
          }
          v1::ShowVmResponse response;
          response.mutable_vm()->set_tenant(tenant);
          response.mutable_vm()->set_name(parsed.vm() == "large" ? std::string(3'000'000, 'x')
                                                                 : parsed.vm());
          return CallOutcome{.response = response.SerializeAsString()};
        });
    ASSERT_TRUE(gate_->status().ok());
  }

  std::unique_ptr<v1::SecondaryVms::Stub> Connect(uint32_t cid) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    gate_->HandOver({.cid = {cid}, .port = 1}, base::UniqueFd(ends[1]));
    return v1::SecondaryVms::NewStub(grpc::CreateInsecureChannelFromFd("gate", ends[0]));
  }

  static grpc::Status Show(v1::SecondaryVms::Stub& client, const std::string& vm,
                           v1::ShowVmResponse* response) {
    grpc::ClientContext context;
    v1::ShowVmRequest request;
    request.set_vm(vm);
    return client.ShowVm(&context, request, response);
  }

  fakes::FakeLog log_;
  ChildLauncher launcher_;
  FakeFdStore store_;
  std::unique_ptr<Gate> gate_;
};

TEST_F(GateFrontTest, AnswersEachPrimaryAsItsOwnTenant) {
  ASSERT_TRUE(gate_->OpenTenant("acme").ok());
  ASSERT_TRUE(gate_->OpenTenant("globex").ok());
  const auto acme = Connect(1000);
  const auto globex = Connect(1001);
  v1::ShowVmResponse response;
  EXPECT_TRUE(Show(*acme, "web", &response).ok());
  EXPECT_EQ(response.vm().tenant(), "acme");
  EXPECT_TRUE(Show(*globex, "web", &response).ok());
  EXPECT_EQ(response.vm().tenant(), "globex");
  EXPECT_FALSE(Show(*Connect(1002), "web", &response).ok()) << "nobody's";
}

TEST_F(GateFrontTest, CarriesErrorsAndLargeAnswers) {
  ASSERT_TRUE(gate_->OpenTenant("acme").ok());
  const auto client = Connect(1000);
  v1::ShowVmResponse response;
  const grpc::Status status = Show(*client, "none", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  internal::RpcStatus details;
  v1::ErrorDetail detail;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_EQ(details.details_size(), 1);
  ASSERT_TRUE(details.details(0).UnpackTo(&detail));
  EXPECT_EQ(detail.reason(), v1::VM_NOT_FOUND);
  EXPECT_TRUE(Show(*client, "large", &response).ok());
  EXPECT_EQ(response.vm().name().size(), 3'000'000U);
}

TEST_F(GateFrontTest, ServesAgainAfterAFrontWasKilled) {
  ASSERT_TRUE(gate_->OpenTenant("acme").ok());
  v1::ShowVmResponse response;
  const auto first = Connect(1000);
  ASSERT_TRUE(Show(*first, "web", &response).ok());
  ::kill(launcher_.Child("acme"), SIGKILL);
  ASSERT_TRUE(launcher_.WaitForStarts(2));
  EXPECT_EQ(Show(*first, "web", &response).error_code(), grpc::StatusCode::UNAVAILABLE);
  // As libflatvm does: connect again until there is a front.
  bool served = false;
  for (int i = 0; i < 30 && !served; ++i) served = Show(*Connect(1000), "web", &response).ok();
  EXPECT_TRUE(served);
}

TEST_F(GateFrontTest, KeepsAConnectionOverARestartOfTheDaemon) {
  ASSERT_TRUE(gate_->OpenTenant("acme").ok());
  const auto client = Connect(1000);
  v1::ShowVmResponse response;
  ASSERT_TRUE(Show(*client, "web", &response).ok());
  const pid_t front = launcher_.Child("acme");
  base::UniqueFd kept = store_.Take(StoredLinkName("acme"));
  MakeGate(2);
  gate_->Adopt("acme", std::move(kept));
  ASSERT_TRUE(gate_->OpenTenant("acme").ok());
  // The same connection to the same front; a call that came before the Hello is to be repeated.
  if (const grpc::Status early = Show(*client, "web", &response); !early.ok()) {
    EXPECT_EQ(early.error_code(), grpc::StatusCode::UNAVAILABLE) << early.error_message();
    EXPECT_TRUE(Show(*client, "web", &response).ok());
  }
  EXPECT_EQ(launcher_.Child("acme"), front);
}

}  // namespace
}  // namespace flatvm::gate
