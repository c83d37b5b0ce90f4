#include "daemon/gate/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <latch>

namespace flatvm::gate {
namespace {

TEST(EventLoop, RunsPostsInOrder) {
  EventLoop loop;
  ASSERT_TRUE(loop.status().ok());
  std::latch done(1);
  std::string order;
  loop.Post([&order] { order += 'a'; });
  loop.Post([&order] { order += 'b'; });
  loop.Post([&done] { done.count_down(); });
  done.wait();
  EXPECT_EQ(order, "ab");
}

TEST(EventLoop, RunsTimersByTheirTime) {
  EventLoop loop;
  std::latch done(1);
  std::string order;
  loop.Post([&] {
    loop.After(std::chrono::milliseconds(3), [&] {
      order += 'b';
      done.count_down();
    });
    loop.After(std::chrono::milliseconds(1), [&order] { order += 'a'; });
  });
  done.wait();
  EXPECT_EQ(order, "ab");
}

TEST(EventLoop, TellsOfADescriptorUntilItIsNotWatched) {
  const base::UniqueFd event(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  EventLoop loop;
  std::latch done(1);
  int calls = 0;
  loop.Post([&] {
    EXPECT_TRUE(loop.Watch(event.get(), EPOLLIN, [&](uint32_t events) {
      EXPECT_EQ(events, uint32_t{EPOLLIN});
      if (++calls < 3) return;  // it stays readable
      loop.Unwatch(event.get());
      loop.Post([&done] { done.count_down(); });
    }));
    EXPECT_FALSE(loop.Watch(-1, EPOLLIN, [](uint32_t) {}));
  });
  done.wait();
  loop.Stop();
  EXPECT_EQ(calls, 3);
}

TEST(EventLoop, DropsWhatIsPostedAfterItStopped) {
  EventLoop loop;
  std::atomic<bool> ran = false;
  loop.Stop();
  loop.Post([&ran] { ran = true; });
  loop.Stop();
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace flatvm::gate
