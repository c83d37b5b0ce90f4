#include "daemon/libvirt/domain_events.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "daemon/libvirt/event_loop.h"
#include "daemon/libvirt/handles.h"

namespace flatvm::libvirt {
namespace {

// libvirt's in-memory driver comes with this domain, running.
constexpr char kDomain[] = "test";

// Collects what DomainEvents says.
class Heard {
 public:
  void Add(const std::string& uuid) {
    const std::lock_guard lock(mutex_);
    uuids_.push_back(uuid);
    changed_.notify_all();
  }
  // The UUIDs, once there are `count` of them; fewer if they do not come in time.
  std::vector<std::string> Await(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return uuids_.size() >= count; });
    return uuids_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> uuids_;
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

TEST_F(DomainEventsTest, TellsOfEveryStopAndOfNothingElse) {
  DomainEvents events(connection_, [this](const std::string& uuid) { heard_.Add(uuid); });
  ASSERT_TRUE(events.EnsureRegistered().ok());
  ASSERT_EQ(virDomainSuspend(domain_.get()), 0);
  ASSERT_EQ(virDomainDestroy(domain_.get()), 0);
  EXPECT_EQ(heard_.Await(1), std::vector<std::string>({uuid_}));
  ASSERT_EQ(virDomainCreate(domain_.get()), 0);
  ASSERT_EQ(virDomainShutdown(domain_.get()), 0);
  EXPECT_EQ(heard_.Await(2), std::vector<std::string>({uuid_, uuid_}));
}

TEST_F(DomainEventsTest, RegistersOnceAConnection) {
  DomainEvents events(connection_, [this](const std::string& uuid) { heard_.Add(uuid); });
  EXPECT_TRUE(*events.EnsureRegistered());
  EXPECT_FALSE(*events.EnsureRegistered());
  ASSERT_EQ(virDomainDestroy(domain_.get()), 0);
  EXPECT_EQ(heard_.Await(1).size(), 1U);
}

TEST_F(DomainEventsTest, IsSilentOnceItIsGone) {
  DomainEvents kept(connection_, [this](const std::string& uuid) { heard_.Add(uuid); });
  ASSERT_TRUE(kept.EnsureRegistered().ok());
  bool called = false;
  {
    DomainEvents gone(other_connection_, [&](const std::string&) { called = true; });
    ASSERT_TRUE(gone.EnsureRegistered().ok());
  }
  ASSERT_EQ(virDomainDestroy(domain_.get()), 0);
  EXPECT_EQ(heard_.Await(1).size(), 1U);
  EXPECT_FALSE(called);
}

TEST(DomainEvents, SaysThatLibvirtIsOutOfReach) {
  Connection connection("qemu+unix:///system?socket=/nonexistent/libvirt-sock");
  DomainEvents events(connection, [](const std::string&) {});
  EXPECT_EQ(events.EnsureRegistered().status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace flatvm::libvirt
