#include "daemon/libvirt/domain_events.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/libvirt/event_loop.h"
#include "daemon/libvirt/handles.h"

namespace flatvm::libvirt {
namespace {

// libvirt's in-memory driver comes with this domain, running.
constexpr char kDomain[] = "test";

using Told = std::pair<DomainEvent, std::string>;

// Collects what DomainEvents says.
class Heard {
 public:
  void Add(DomainEvent event, const std::string& uuid) {
    const std::lock_guard lock(mutex_);
    told_.emplace_back(event, uuid);
    changed_.notify_all();
  }
  // What was said, once it is `count` events; fewer if they do not come in time.
  std::vector<Told> Await(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return told_.size() >= count; });
    return told_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Told> told_;
};

class DomainEventsTest : public ::testing::Test {
 protected:
  DomainEventsTest() : connect_(*connection_.Get()) {
    domain_.reset(virDomainLookupByName(connect_.get(), kDomain));
    char uuid[VIR_UUID_STRING_BUFLEN] = {};
    virDomainGetUUIDString(domain_.get(), uuid);
    uuid_ = uuid;
  }

  EventLoop event_loop_;
  Connection connection_{"test:///default"};
  Connection other_connection_{"test:///default"};  // to the same domains
  ConnectPtr connect_;
  DomainPtr domain_;
  std::string uuid_;
  Heard heard_;
};

TEST_F(DomainEventsTest, TellsOfEveryStartAndStopInOrderAndOfNothingElse) {
  DomainEvents events(connection_,
                      [this](auto event, const auto& uuid) { heard_.Add(event, uuid); });
  ASSERT_TRUE(events.EnsureRegistered().ok());
  ASSERT_EQ(virDomainSuspend(domain_.get()), 0);
  ASSERT_EQ(virDomainResume(domain_.get()), 0);
  ASSERT_EQ(virDomainDestroy(domain_.get()), 0);
  ASSERT_EQ(virDomainCreate(domain_.get()), 0);
  ASSERT_EQ(virDomainShutdown(domain_.get()), 0);
  EXPECT_EQ(heard_.Await(3), std::vector<Told>({{DomainEvent::kStopped, uuid_},
                                                {DomainEvent::kStarted, uuid_},
                                                {DomainEvent::kStopped, uuid_}}));
}

TEST(TranslateLifecycle, KnowsWhatBeginsAndEndsARun) {
  const auto started = [](int detail) {
    return TranslateLifecycle(VIR_DOMAIN_EVENT_STARTED, detail);
  };
  for (const int detail : {VIR_DOMAIN_EVENT_STARTED_BOOTED, VIR_DOMAIN_EVENT_STARTED_RESTORED,
                           VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT}) {
    EXPECT_EQ(started(detail), DomainEvent::kStarted) << detail;
  }
  EXPECT_EQ(started(VIR_DOMAIN_EVENT_STARTED_WAKEUP), std::nullopt) << "slept in the same run";
  for (const int detail : {VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, VIR_DOMAIN_EVENT_STOPPED_CRASHED}) {
    EXPECT_EQ(TranslateLifecycle(VIR_DOMAIN_EVENT_STOPPED, detail), DomainEvent::kStopped);
  }
  for (const int event :
       {VIR_DOMAIN_EVENT_DEFINED, VIR_DOMAIN_EVENT_UNDEFINED, VIR_DOMAIN_EVENT_SUSPENDED,
        VIR_DOMAIN_EVENT_RESUMED, VIR_DOMAIN_EVENT_SHUTDOWN, VIR_DOMAIN_EVENT_PMSUSPENDED,
        VIR_DOMAIN_EVENT_CRASHED}) {
    EXPECT_EQ(TranslateLifecycle(event, 0), std::nullopt) << event;
  }
}

TEST_F(DomainEventsTest, RegistersOnceAConnection) {
  DomainEvents events(connection_,
                      [this](auto event, const auto& uuid) { heard_.Add(event, uuid); });
  EXPECT_TRUE(*events.EnsureRegistered());
  EXPECT_FALSE(*events.EnsureRegistered());
  ASSERT_EQ(virDomainDestroy(domain_.get()), 0);
  EXPECT_EQ(heard_.Await(1).size(), 1U);
}

TEST_F(DomainEventsTest, IsSilentOnceItIsGone) {
  DomainEvents kept(connection_, [this](auto event, const auto& uuid) { heard_.Add(event, uuid); });
  ASSERT_TRUE(kept.EnsureRegistered().ok());
  bool called = false;
  {
    DomainEvents gone(other_connection_, [&](DomainEvent, const std::string&) { called = true; });
    ASSERT_TRUE(gone.EnsureRegistered().ok());
  }
  ASSERT_EQ(virDomainDestroy(domain_.get()), 0);
  EXPECT_EQ(heard_.Await(1).size(), 1U);
  EXPECT_FALSE(called);
}

TEST(DomainEvents, SaysThatLibvirtIsOutOfReach) {
  Connection connection("qemu+unix:///system?socket=/nonexistent/libvirt-sock");
  DomainEvents events(connection, [](DomainEvent, const std::string&) {});
  EXPECT_EQ(events.EnsureRegistered().status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace flatvm::libvirt
