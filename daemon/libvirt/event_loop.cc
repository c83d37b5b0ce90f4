#include "daemon/libvirt/event_loop.h"

#include <libvirt/libvirt.h>

#include <mutex>

namespace flatvm::libvirt {
namespace {

constexpr int kNever = -1;  // a timer's period: off

void IgnoreTimer(int /*timer*/, void* /*data*/) {}

}  // namespace

EventLoop::EventLoop() {
  static std::once_flag registered;
  std::call_once(registered, [] { virEventRegisterDefaultImpl(); });
  timer_ = virEventAddTimeout(kNever, &IgnoreTimer, nullptr, nullptr);
  thread_ = std::thread([this] { Run(); });
}

EventLoop::~EventLoop() {
  stop_ = true;
  virEventUpdateTimeout(timer_, 0);  // ends the poll that the thread may be in
  thread_.join();
  virEventRemoveTimeout(timer_);
}

void EventLoop::Run() {
  while (!stop_) virEventRunDefaultImpl();
}

}  // namespace flatvm::libvirt
