#include "daemon/gate/fair_pool.h"

#include <gtest/gtest.h>

#include <latch>
#include <mutex>
#include <string>
#include <vector>

namespace flatvm::gate {
namespace {

// Records the order in which jobs ran.
class Record {
 public:
  std::function<void()> Job(std::string name) {
    return [this, name = std::move(name)] {
      const std::lock_guard lock(mutex_);
      names_.push_back(name);
    };
  }
  std::vector<std::string> names() {
    const std::lock_guard lock(mutex_);
    return names_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> names_;
};

TEST(FairPool, GivesEachKeyItsTurn) {
  Record record;
  std::latch begun(1);
  std::latch go(1);
  std::latch done(1);
  FairPool pool({.threads = 1, .running_per_key = 1, .queued_per_key = 9, .queued = 99});
  ASSERT_TRUE(pool.Submit("a", [&] {
    begun.count_down();
    go.wait();
  }));
  begun.wait();
  for (const char* name : {"a1", "a2", "a3"}) ASSERT_TRUE(pool.Submit("a", record.Job(name)));
  for (const char* name : {"b1", "b2"}) ASSERT_TRUE(pool.Submit("b", record.Job(name)));
  ASSERT_TRUE(pool.Submit("c", record.Job("c1")));
  go.count_down();
  ASSERT_TRUE(pool.Submit("z", [] {}));
  // The lane that comes last has the longest queue.
  ASSERT_TRUE(pool.Submit("a", [&done] { done.count_down(); }));
  done.wait();
  const std::vector<std::string> names = record.names();
  ASSERT_EQ(names.size(), 6U);
  EXPECT_EQ(names[0], "b1");
  EXPECT_EQ(names[1], "c1");
  EXPECT_EQ(names.back(), "a3");
}

TEST(FairPool, RunsNoMoreThanItMayOfOneKeyWhileOthersRun) {
  std::mutex mutex;
  int running = 0;
  int most = 0;
  int begun = 0;
  std::latch both(2);
  std::latch go(1);
  FairPool pool({.threads = 8, .running_per_key = 2, .queued_per_key = 6, .queued = 99});
  const auto job = [&] {
    {
      const std::lock_guard lock(mutex);
      most = std::max(most, ++running);
      if (++begun <= 2) both.count_down();
    }
    go.wait();
    const std::lock_guard lock(mutex);
    --running;
  };
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(pool.Submit("a", job));
  // Another key is not kept waiting by one that has all it may.
  std::latch other(1);
  ASSERT_TRUE(pool.Submit("b", [&other] { other.count_down(); }));
  other.wait();
  both.wait();
  go.count_down();
  std::latch last(1);
  ASSERT_TRUE(pool.Submit("a", [&last] { last.count_down(); }));
  last.wait();
  pool.Stop();
  EXPECT_EQ(most, 2);
}

// A thread that was idle takes the first job of two, and nobody may be there for the second.
TEST(FairPool, RunsASecondJobOfAKeyBesideTheFirst) {
  for (int round = 0; round < 50; ++round) {
    FairPool pool({.threads = 2, .running_per_key = 2, .queued_per_key = 2, .queued = 9});
    std::latch first(1);
    ASSERT_TRUE(pool.Submit("a", [&first] { first.count_down(); }));
    first.wait();
    std::latch both(2);
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(pool.Submit("a", [&both] { both.arrive_and_wait(); }));
    both.wait();
    pool.Stop();  // before the latches
  }
}

TEST(FairPool, RefusesWhatIsTooMuch) {
  std::latch begun(1);
  std::latch go(1);
  FairPool pool({.threads = 1, .running_per_key = 1, .queued_per_key = 1, .queued = 2});
  ASSERT_TRUE(pool.Submit("a", [&] {
    begun.count_down();
    go.wait();
  }));
  begun.wait();
  EXPECT_TRUE(pool.Submit("a", [] {}));
  EXPECT_FALSE(pool.Submit("a", [] {})) << "its own queue is full";
  EXPECT_TRUE(pool.Submit("b", [] {}));
  EXPECT_FALSE(pool.Submit("c", [] {})) << "the whole queue is full";
  go.count_down();
}

TEST(FairPool, WaitsForRunningJobsWhenItStopsAndTakesNoMore) {
  std::latch begun(1);
  bool finished = false;
  FairPool pool({.threads = 1, .running_per_key = 1, .queued_per_key = 1, .queued = 2});
  ASSERT_TRUE(pool.Submit("a", [&] {
    begun.count_down();
    finished = true;
  }));
  begun.wait();
  pool.Stop();
  EXPECT_TRUE(finished);
  EXPECT_FALSE(pool.Submit("a", [] {}));
}

}  // namespace
}  // namespace flatvm::gate
