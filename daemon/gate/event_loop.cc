#include "daemon/gate/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "daemon/base/error.h"

namespace flatvm::gate {
namespace {

bool Control(int epoll, int operation, int fd, uint32_t events) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

EventLoop::EventLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!epoll_.valid() || !wake_.valid() ||
      !Control(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), EPOLLIN)) {
    status_ = base::ErrnoError(errno, "epoll or eventfd");
    return;
  }
  thread_ = std::thread([this] { Run(); });
}

EventLoop::~EventLoop() { Stop(); }

void EventLoop::Wake() {
  const uint64_t one = 1;
  // A full counter means that a wake is due already.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::Post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return;
    posted_.push_back(std::move(job));
  }
  Wake();
}

void EventLoop::Stop() {
  std::vector<Job> dropped;  // what they own goes without the lock
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    dropped.swap(posted_);
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

bool EventLoop::Watch(int fd, uint32_t events, Ready ready) {
  if (!Control(epoll_.get(), EPOLL_CTL_ADD, fd, events)) return false;
  watched_[fd] = std::make_shared<Ready>(std::move(ready));
  return true;
}

void EventLoop::Change(int fd, uint32_t events) {
  if (watched_.contains(fd)) Control(epoll_.get(), EPOLL_CTL_MOD, fd, events);
}

void EventLoop::Unwatch(int fd) {
  if (watched_.erase(fd) > 0) Control(epoll_.get(), EPOLL_CTL_DEL, fd, 0);
}

void EventLoop::After(std::chrono::milliseconds delay, Job job) {
  timers_.emplace(std::chrono::steady_clock::now() + delay, std::move(job));
}

int EventLoop::MillisecondsToNextTimer() const {
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first -
                                                                 std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

void EventLoop::RunTimers() {
  const Time now = std::chrono::steady_clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const auto first = timers_.extract(timers_.begin());
    first.mapped()();
  }
}

void EventLoop::RunPosted() {
  std::vector<Job> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(posted_);
  }
  for (const Job& job : jobs) job();
}

void EventLoop::Run() {
  std::array<epoll_event, 64> events;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
    }
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   MillisecondsToNextTimer());
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.fd == wake_.get()) {
        uint64_t ignored = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &ignored, sizeof ignored);
        continue;
      }
      const auto found = watched_.find(event.data.fd);
      if (found == watched_.end()) continue;               // unwatched earlier in this turn
      const std::shared_ptr<Ready> ready = found->second;  // it may unwatch itself
      (*ready)(event.events);
    }
    RunPosted();
    RunTimers();
  }
}

}  // namespace flatvm::gate
