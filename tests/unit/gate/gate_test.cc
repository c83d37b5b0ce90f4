// The gate with fronts that the test plays.
#include "daemon/gate/gate.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <latch>

#include "flatvm/v1/types.pb.h"
#include "tests/fakes/fake_log.h"
#include "tests/unit/gate/fake_launcher.h"

namespace flatvm::gate {
namespace {

constexpr uint64_t kEpoch = 11;
constexpr base::VsockCid kPrimary{1000};

class GateTest : public testing::Test {
 protected:
  void SetUp() override { MakeGate(kEpoch); }

  void MakeGate(uint64_t epoch) {
    gate_ = nullptr;
    GateOptions options;
    options.fronts = {.epoch = epoch,
                      .min_backoff = std::chrono::milliseconds(1),
                      .max_backoff = std::chrono::milliseconds(4)};
    options.calls_per_tenant = 2;
    options.queued_calls_per_tenant = 3;
    gate_ = std::make_unique<Gate>(
        options, launcher_, store_, log_,
        [this](base::VsockCid cid) -> absl::StatusOr<std::string> {
          if (cid == kPrimary) return "acme";
          return base::MakeError(absl::StatusCode::kPermissionDenied, base::Reason::kPolicyForbids,
                                 "no primary of ours\n");
        },
        [this](const std::string& tenant, const std::string& method, const std::string& request,
               std::chrono::milliseconds timeout) {
          return handle_(tenant, method, request, timeout);
        });
    ASSERT_TRUE(gate_->status().ok());
  }

  // The front of a tenant that was just opened, past its Hello.
  FakeFront OpenFront(const std::string& tenant = "acme") {
    EXPECT_TRUE(gate_->OpenTenant(tenant).ok());
    FakeFront front = launcher_.TakeFront(tenant);
    EXPECT_EQ(front.Receive().hello().epoch(), kEpoch);
    return front;
  }

  // An accepted connection's other end.
  base::UniqueFd HandOver(const Peer& peer) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    base::UniqueFd caller(ends[0]);
    gate_->HandOver(peer, base::UniqueFd(ends[1]));
    return caller;
  }

  static bool WaitForClose(const base::UniqueFd& socket) {
    pollfd waiting{.fd = socket.get(), .events = POLLIN, .revents = 0};
    char byte = 0;
    return ::poll(&waiting, 1, 20'000) == 1 && ::recv(socket.get(), &byte, 1, 0) == 0;
  }

  static v1::Reason ReasonOf(const internal::CallResult& result) {
    v1::ErrorDetail detail;
    EXPECT_TRUE(detail.ParseFromString(result.detail()));
    return detail.reason();
  }

  fakes::FakeLog log_;
  FakeLauncher launcher_;
  FakeFdStore store_;
  HandleCall handle_ = [](const std::string&, const std::string&, const std::string&,
                          std::chrono::milliseconds) { return CallOutcome{}; };
  std::unique_ptr<Gate> gate_;
};

TEST_F(GateTest, HandsAnIdentifiedConnectionToItsTenantsFront) {
  FakeFront front = OpenFront();
  const base::UniqueFd caller = HandOver({.cid = kPrimary, .port = 1023});
  EXPECT_EQ(front.Receive().take_connection().connection_id(), 1U);
  const base::UniqueFd taken = front.TakeConnection();
  ASSERT_TRUE(taken.valid());
  ASSERT_EQ(::send(taken.get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(::recv(caller.get(), &byte, 1, 0), 1) << "it is the caller's connection";
}

TEST_F(GateTest, ClosesWhatMayNotCome) {
  const FakeFront front = OpenFront();
  const struct {
    Peer peer;
    const char* line;
  } kRefused[] = {
      {{.cid = {0}, .port = 1}, "from CID 0 port 1: a reserved CID"},
      {{.cid = {1}, .port = 1}, "from CID 1 port 1: a reserved CID"},
      {{.cid = {2}, .port = 1}, "from CID 2 port 1: a reserved CID"},
      {{.cid = {0xFFFFFFFF}, .port = 1}, "a reserved CID"},
      {{.cid = kPrimary, .port = 1024}, "from CID 1000 port 1024: the source port is not below"},
      {{.cid = {1001}, .port = 5}, "from CID 1001 port 5: no primary of ours\\x0a"},
  };
  for (const auto& refused : kRefused) {
    EXPECT_TRUE(WaitForClose(HandOver(refused.peer))) << refused.line;
    EXPECT_TRUE(log_.Has(refused.line)) << refused.line;
  }
}

TEST_F(GateTest, DoesNotLetAHostileCallerFloodTheJournal) {
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(WaitForClose(HandOver({.cid = {1001}, .port = 5})));
  EXPECT_LE(log_.Lines().size(), 6U);
}

TEST_F(GateTest, ClosesAConnectionOfATenantWithoutAFront) {
  EXPECT_TRUE(WaitForClose(HandOver({.cid = kPrimary, .port = 1})));
}

TEST_F(GateTest, RunsACallForTheLinksTenant) {
  handle_ = [](const std::string& tenant, const std::string& method, const std::string& request,
               std::chrono::milliseconds timeout) {
    return CallOutcome{.response = tenant + " " + method + " " + request +
                                   (timeout > std::chrono::seconds(50) ? " in time" : "")};
  };
  FakeFront acme = OpenFront("acme");
  FakeFront globex = OpenFront("globex");
  acme.Call(1, kEpoch, "ShowVm", "a", 60'000);
  globex.Call(1, kEpoch, "ListVms", "g");
  EXPECT_EQ(acme.Receive().result().response(), "acme ShowVm a in time");
  EXPECT_EQ(globex.Receive().result().response(), "globex ListVms g");
}

TEST_F(GateTest, ReturnsAnErrorWithItsDetail) {
  handle_ = [](auto&&...) { return CallOutcome{.code = 5, .message = "no VM", .detail = "d"}; };
  FakeFront front = OpenFront();
  front.Call(3, kEpoch, "ShowVm", "");
  const internal::CallResult result = front.Receive().result();
  EXPECT_EQ(result.call_id(), 3U);
  EXPECT_EQ(result.code(), 5);
  EXPECT_EQ(result.message(), "no VM");
  EXPECT_EQ(result.detail(), "d");
}

TEST_F(GateTest, RefusesCallsBeyondATenantsShareAndServesTheOthers) {
  std::latch go(1);
  handle_ = [&go](const std::string& tenant, auto&&...) {
    if (tenant == "acme") go.wait();
    return CallOutcome{.response = tenant};
  };
  FakeFront acme = OpenFront("acme");
  FakeFront globex = OpenFront("globex");
  for (uint64_t id = 1; id <= 6; ++id) acme.Call(id, kEpoch, "ShowVm", "");
  const internal::CallResult refused = acme.Receive().result();
  EXPECT_EQ(refused.call_id(), 6U);
  EXPECT_EQ(refused.code(), static_cast<int>(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ReasonOf(refused), v1::TENANT_CALL_LIMIT);
  globex.Call(1, kEpoch, "ShowVm", "");
  EXPECT_EQ(globex.Receive().result().response(), "globex");
  go.count_down();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(acme.Receive().result().response(), "acme");
  gate_ = nullptr;  // before the latch
}

TEST_F(GateTest, DoesNotRunACallWhoseDeadlinePassedInTheQueue) {
  std::latch begun(2);
  std::latch go(1);
  std::atomic<int> ran = 0;
  handle_ = [&](const std::string&, const std::string& method, auto&&...) {
    ++ran;
    if (method == "CreateVm") {
      begun.count_down();
      go.wait();
    }
    return CallOutcome{};
  };
  FakeFront front = OpenFront();
  front.Call(1, kEpoch, "CreateVm", "");
  front.Call(2, kEpoch, "CreateVm", "");
  begun.wait();
  front.Call(3, kEpoch, "ShowVm", "", 1);
  for (uint64_t id = 4; id <= 6; ++id) front.Call(id, kEpoch, "ShowVm", "");
  EXPECT_EQ(front.Receive().result().call_id(), 6U) << "refused, so the third is queued by now";
  const auto queued = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - queued < std::chrono::milliseconds(2)) {
  }
  go.count_down();
  for (int i = 0; i < 5; ++i) {
    const internal::CallResult result = front.Receive().result();
    const auto expected =
        result.call_id() == 3 ? absl::StatusCode::kDeadlineExceeded : absl::StatusCode::kOk;
    EXPECT_EQ(result.code(), static_cast<int>(expected)) << result.call_id();
  }
  EXPECT_EQ(ran, 4);
  gate_ = nullptr;  // before the latches
}

TEST_F(GateTest, DropsATenantsConnections) {
  FakeFront front = OpenFront();
  gate_->DropConnections("globex");
  gate_->DropConnections("acme");
  EXPECT_TRUE(front.Receive().has_close_connections());
}

TEST_F(GateTest, OpensATenantOnce) {
  FakeFront front = OpenFront();
  EXPECT_TRUE(gate_->OpenTenant("acme").ok());
  EXPECT_EQ(launcher_.starts(), 1);
}

TEST_F(GateTest, SaysWhyATenantCannotBeOpenedAndMayTryAgain) {
  launcher_.FailNext(base::MakeError(absl::StatusCode::kUnavailable,
                                     base::Reason::kServiceManagerUnavailable, "no bus"));
  EXPECT_EQ(base::GetErrorInfo(gate_->OpenTenant("acme")).reason,
            base::Reason::kServiceManagerUnavailable);
  EXPECT_EQ(store_.size(), 0U);
  OpenFront();
}

TEST_F(GateTest, ClosesATenant) {
  FakeFront front = OpenFront();
  EXPECT_TRUE(gate_->CloseTenant("acme").ok());
  EXPECT_TRUE(front.WaitForClose());
  EXPECT_EQ(launcher_.stopped(), std::vector<std::string>{"acme"});
  EXPECT_EQ(store_.size(), 0U);
  EXPECT_TRUE(gate_->CloseTenant("acme").ok()) << "there is none any more";
  EXPECT_EQ(launcher_.starts(), 1) << "not started anew";
}

TEST_F(GateTest, StartsAFrontAnewThatDied) {
  FakeFront front = OpenFront();
  for (int i = 0; i < 3; ++i) {
    front.Die();
    front = launcher_.TakeFront("acme");
    EXPECT_EQ(front.Receive().hello().epoch(), kEpoch);
  }
  EXPECT_TRUE(log_.Has("the tenant's front is given up: it ended; started anew in 1 ms"));
  EXPECT_EQ(store_.size(), 1U);
  const base::UniqueFd caller = HandOver({.cid = kPrimary, .port = 1});
  EXPECT_TRUE(front.Receive().has_take_connection());
}

TEST_F(GateTest, KeepsTryingWhenAFrontCannotBeStartedAnew) {
  FakeFront front = OpenFront();
  launcher_.FailNext(base::InternalError("exec failed"));
  front.Die();
  front = launcher_.TakeFront("acme");
  EXPECT_TRUE(front.Receive().has_hello());
  EXPECT_TRUE(log_.Has("cannot start the front; next try in 2 ms: exec failed"));
}

TEST_F(GateTest, GivesAFrontUpThatBreaksTheRules) {
  FakeFront front = OpenFront();
  front.Send("\xff\xff\xff\xff");
  EXPECT_TRUE(front.WaitForClose()) << "although the store has a duplicate";
  FakeFront next = launcher_.TakeFront("acme");
  EXPECT_TRUE(next.Receive().has_hello());
  EXPECT_TRUE(log_.Has("it broke the link's rules: a packet that is no message"));
}

TEST_F(GateTest, DropsTheAnswerForAFrontThatDied) {
  std::latch begun(1);
  std::latch go(1);
  handle_ = [&](auto&&...) {
    begun.count_down();
    go.wait();
    return CallOutcome{.response = "old"};
  };
  FakeFront front = OpenFront();
  front.Call(1, kEpoch, "ShowVm", "");
  begun.wait();
  front.Die();
  front = launcher_.TakeFront("acme");
  EXPECT_TRUE(front.Receive().has_hello());
  go.count_down();
  gate_->DropConnections("acme");
  EXPECT_TRUE(front.Receive().has_close_connections()) << "nothing of the old call";
  gate_ = nullptr;  // the old call may still be waking up
}

TEST_F(GateTest, TakesUpAFrontThatRunsAlready) {
  FakeFront front = OpenFront();
  base::UniqueFd kept = store_.Take(StoredLinkName("acme"));
  ASSERT_TRUE(kept.valid());
  MakeGate(kEpoch + 1);
  gate_->Adopt("acme", std::move(kept));
  EXPECT_TRUE(gate_->OpenTenant("acme").ok());
  EXPECT_EQ(front.Receive().hello().epoch(), kEpoch + 1);
  EXPECT_EQ(launcher_.starts(), 1);
  front.Call(1, kEpoch, "ShowVm", "made before the restart");
  front.Call(1, kEpoch + 1, "ShowVm", "");
  EXPECT_EQ(front.Receive().result().epoch(), kEpoch + 1);
}

TEST_F(GateTest, LetsCallsOfAnAdoptedFrontWaitUntilItsTenantIsOpen) {
  std::atomic<bool> opened = false;
  handle_ = [&opened](auto&&...) { return CallOutcome{.response = opened ? "open" : "too early"}; };
  auto pair = base::MakePacketPair();
  ASSERT_TRUE(pair.ok());
  FakeFront front(std::move(pair->theirs));
  front.Call(1, kEpoch, "ShowVm", "");
  gate_->Adopt("acme", std::move(pair->ours));
  gate_->DropConnections("acme");
  EXPECT_TRUE(front.Receive().has_hello());
  EXPECT_TRUE(front.Receive().has_close_connections())
      << "the primary of an earlier boot goes at once";
  opened = true;
  EXPECT_TRUE(gate_->OpenTenant("acme").ok());
  EXPECT_EQ(front.Receive().result().response(), "open");
  gate_ = nullptr;
}

TEST_F(GateTest, StopsWhatNobodyOpened) {
  FakeFront opened = OpenFront("acme");
  auto pair = base::MakePacketPair();
  ASSERT_TRUE(pair.ok());
  FakeFront adopted(std::move(pair->theirs));
  gate_->Adopt("gone", std::move(pair->ours));
  launcher_.SetRunning({"acme", "lost"});
  gate_->CloseUnopened();
  EXPECT_TRUE(adopted.WaitForClose());
  EXPECT_EQ(launcher_.stopped(), (std::vector<std::string>{"gone", "lost"}));
  gate_->DropConnections("acme");
  EXPECT_TRUE(opened.Receive().has_close_connections());
}

TEST(StoredLinkName, IsReadBack) {
  EXPECT_EQ(TenantOfStoredLink(StoredLinkName("a-b")), "a-b");
  for (const char* other : {"", "front-", "front-A", "front--a", "vsock", "Front-a"}) {
    EXPECT_EQ(TenantOfStoredLink(other), "") << other;
  }
}

}  // namespace
}  // namespace flatvm::gate
