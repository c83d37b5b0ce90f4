// The filter of a network namespace that plays the host, changed by somebody else while a watch is
// kept.
#include "network/filter_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "network/kernel_network.h"
#include "network/nft_rules.h"
#include "network/nft_table.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/net_namespace.h"

namespace flatvm::integration {
namespace {

using network::Ipv4Subnet;
using ::testing::HasSubstr;
using ::testing::Not;

const Ipv4Subnet kAcme = *network::ParseIpv4Subnet("test", "10.213.4.0/24");
const Ipv4Subnet kGlobex = *network::ParseIpv4Subnet("test", "10.213.5.0/24");
constexpr std::chrono::seconds kPatience{10};

class FilterWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    namespace_ = NetNamespace::Make();
    if (namespace_ == nullptr) GTEST_SKIP() << "needs root: no network namespace can be made";
    absl::Status probe;
    namespace_->Run([&] { probe = nft_.Run("add table inet probe; delete table inet probe"); });
    if (!probe.ok()) GTEST_SKIP() << "the kernel has no nf_tables here: " << probe;
    namespace_->Run([&] {
      for (const Ipv4Subnet& tenant : {kAcme, kGlobex}) {
        ASSERT_EQ(host_.EnsureFilter({.tenant = "acme", .subnet = tenant}), absl::OkStatus());
      }
      host_.KnowsAllTenants();
      auto watch = network::FilterWatch::Start(host_, log_);
      ASSERT_TRUE(watch.ok()) << watch.status();
      watch_ = *std::move(watch);
    });
    whole_ = Table();
    ASSERT_THAT(whole_, HasSubstr("10.213.4.0/24"));
    ASSERT_THAT(whole_, HasSubstr("10.213.5.0/24"));
  }

  void Nft(const std::string& words) {
    namespace_->Run([&] { RunOrFail({"/bin/sh", "-c", "/usr/sbin/nft " + words}); });
  }

  // Without counts; empty if it is not there.
  std::string Table() {
    std::string text;
    namespace_->Run([&] {
      text = RunOrFail({"/bin/sh", "-c", "/usr/sbin/nft -s list table inet flatvm 2>&1 || true"});
    });
    return text;
  }

  static bool Becomes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  bool BecomesWhole() {
    return Becomes([this] { return Table() == whole_; });
  }

  std::unique_ptr<NetNamespace> namespace_;
  network::NftTable nft_;
  fakes::FakeLog log_;
  network::KernelNetwork host_{{.uplink = "lo",
                                .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                                .counts_path = "/no/bpf/counts"},
                               log_};
  std::unique_ptr<network::FilterWatch> watch_;
  std::string whole_;
};

TEST_F(FilterWatchTest, PutsTheFilterBackThatSomebodyFlushed) {
  Nft("flush ruleset");
  EXPECT_TRUE(BecomesWhole()) << Table();
  EXPECT_TRUE(Becomes([this] { return log_.Has("somebody (nft) changed the tenants' filter"); }));
}

TEST_F(FilterWatchTest, PutsBackEachPartThatSomebodyChanged) {
  for (const char* change :
       {"delete element inet flatvm sources '{ \"fv-0ad50400\" . 10.213.4.0/24 }'",
        "add element inet flatvm hairpins '{ \"fv-0ad50400\" . \"fv-0ad50500\" }'",
        "flush chain inet flatvm forward", "insert rule inet flatvm from_tenant accept",
        "add element inet flatvm uplinks '{ eth9 }'"}) {
    Nft(change);
    EXPECT_TRUE(BecomesWhole()) << change << "\n" << Table();
  }
}

TEST_F(FilterWatchTest, MakesATableAnewInWhosePlaceSomebodyPutAnother) {
  Nft("'delete table inet flatvm; add table inet flatvm; "
      "add set inet flatvm sources { type ipv4_addr; }'");
  EXPECT_TRUE(BecomesWhole()) << Table();
}

TEST_F(FilterWatchTest, LeavesForeignTablesAloneAndCallsNothingOfItsOwnForeign) {
  Nft("add table inet other");
  Nft("add chain inet other c");
  namespace_->Run([&] {
    ASSERT_EQ(host_.EnsureFilter({.tenant = "acme", .subnet = kAcme}), absl::OkStatus());
    ASSERT_EQ(host_.RestoreFilter().value_or(0), 2U);
  });
  Nft("flush ruleset");
  ASSERT_TRUE(BecomesWhole());
  ASSERT_TRUE(Becomes([this] { return !log_.Lines().empty(); }));
  // What is told in order was read by now: one restore, of what was flushed.
  EXPECT_EQ(log_.Lines().size(), 1U);
  namespace_->Run([] {
    EXPECT_THAT(RunOrFail({"/usr/sbin/nft", "list", "tables"}), Not(HasSubstr("other")));
  });
}

TEST_F(FilterWatchTest, ForgetsATenantThatWasRemoved) {
  namespace_->Run([&] { ASSERT_EQ(host_.RemoveFilter(kAcme, std::nullopt), absl::OkStatus()); });
  whole_ = Table();
  ASSERT_THAT(whole_, Not(HasSubstr("10.213.4.0/24")));
  Nft("flush ruleset");
  EXPECT_TRUE(BecomesWhole()) << Table();
}

TEST_F(FilterWatchTest, MakesNoTableWithoutATenant) {
  namespace_->Run([&] {
    ASSERT_EQ(host_.RemoveFilter(kAcme, std::nullopt), absl::OkStatus());
    ASSERT_EQ(host_.RemoveFilter(kGlobex, std::nullopt), absl::OkStatus());
    RunOrFail({"/usr/sbin/nft", "delete", "table", "inet", "flatvm"});
    EXPECT_EQ(host_.RestoreFilter().value_or(1), 0U);
  });
  EXPECT_THAT(Table(), HasSubstr("No such file"));
}

// The periodic look, with nobody who watches.
TEST_F(FilterWatchTest, ThatNobodyChangedIsLeftAlone) {
  watch_.reset();
  const auto look = [this] {
    absl::Status status;
    namespace_->Run(
        [&] { status = host_.RestoreFilter(network::KernelNetwork::Tables::kIfChanged).status(); });
    return status;
  };
  // Rules that are made anew have others.
  const auto handles = [this] {
    std::string text;
    namespace_->Run([&] {
      text = RunOrFail({"/usr/sbin/nft", "-s", "-a", "list", "table", "inet", "flatvm"});
    });
    return text;
  };
  ASSERT_EQ(look(), absl::OkStatus());
  const std::string before = handles();
  ASSERT_EQ(look(), absl::OkStatus());
  EXPECT_EQ(handles(), before);
  namespace_->Run([this] {
    ASSERT_EQ(host_.EnsureFilter({.tenant = "acme", .subnet = kAcme}), absl::OkStatus());
  });
  const std::string ours = handles();
  ASSERT_EQ(look(), absl::OkStatus());
  EXPECT_EQ(handles(), ours) << "what we did ourselves is no change";
  for (const char* words :
       {"delete element inet flatvm sources '{ \"fv-0ad50400\" . 10.213.4.0/24 }'",
        "flush ruleset"}) {
    Nft(words);
    ASSERT_NE(Table(), whole_);
    ASSERT_EQ(look(), absl::OkStatus());
    EXPECT_EQ(Table(), whole_);
  }
}

TEST_F(FilterWatchTest, ThatATransactionOfOursFailedIsNoticedAsAChange) {
  namespace_->Run([this] {
    ASSERT_TRUE(nft_.Run("add table inet probe").ok());
    nft_.TakeOthersChanges();
    ASSERT_TRUE(nft_.Run("delete table inet probe").ok());
    EXPECT_FALSE(nft_.TakeOthersChanges());
    EXPECT_FALSE(nft_.Run("delete table inet probe").ok());
    EXPECT_TRUE(nft_.TakeOthersChanges());
    EXPECT_FALSE(nft_.TakeOthersChanges());
  });
}

}  // namespace
}  // namespace flatvm::integration
