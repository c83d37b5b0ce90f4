// libvirt's event loop on a thread of its own: keepalives and domain events need it.
#pragma once

#include <atomic>
#include <thread>

namespace flatvm::libvirt {

// To be made before the first connection, and once in a process: libvirt registers its loop for
// good. Thread-compatible.
class EventLoop {
 public:
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  // Ends the thread.
  ~EventLoop();

 private:
  void Run();

  std::atomic<bool> stop_ = false;
  int timer_ = -1;
  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace flatvm::libvirt
