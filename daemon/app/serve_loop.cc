#include "daemon/app/serve_loop.h"

#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include <csignal>
#include <memory>

#include "daemon/base/error.h"

namespace flatvm::app {
namespace {

struct EventUnref {
  void operator()(sd_event* event) const { sd_event_unref(event); }
};

int OnAdmin(sd_event_source* /*source*/, int /*fd*/, uint32_t /*events*/, void* self) {
  static_cast<ServeLoop*>(self)->on_admin();
  return 0;
}

int OnPeriod(sd_event_source* source, uint64_t /*due_us*/, void* self) {
  auto* loop = static_cast<ServeLoop*>(self);
  loop->on_period();
  const auto period = std::chrono::microseconds(loop->period);
  return sd_event_source_set_time_relative(source, static_cast<uint64_t>(period.count()));
}

// OK for 0 and above, else what failed and why.
absl::Status Check(int result, const char* what) {
  return result >= 0 ? absl::OkStatus() : base::ErrnoError(-result, what);
}

}  // namespace

void TellStarting(size_t done, size_t tenants) {
  constexpr std::chrono::microseconds kPerTenant = std::chrono::minutes(2);
  ::sd_notifyf(0, "STATUS=looking after tenant %zu of %zu\nEXTEND_TIMEOUT_USEC=%lld", done + 1,
               tenants, static_cast<long long>(kPerTenant.count()));
}

void BlockServeSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

absl::Status ServeLoop::Run() {
  sd_event* raw = nullptr;
  FLATVM_RETURN_IF_ERROR(Check(sd_event_new(&raw), "sd_event_new"));
  const std::unique_ptr<sd_event, EventUnref> event(raw);
  FLATVM_RETURN_IF_ERROR(Check(
      sd_event_add_io(raw, nullptr, admin_listener, EPOLLIN, &OnAdmin, this), "sd_event_add_io"));
  const auto first = std::chrono::microseconds(period);
  sd_event_source* timer = nullptr;
  FLATVM_RETURN_IF_ERROR(
      Check(sd_event_add_time_relative(raw, &timer, CLOCK_MONOTONIC,
                                       static_cast<uint64_t>(first.count()), 0, &OnPeriod, this),
            "sd_event_add_time_relative"));
  sd_event_source_set_enabled(timer, SD_EVENT_ON);
  sd_event_source_set_floating(timer, 1);
  sd_event_source_unref(timer);
  // Without a handler a signal ends the loop with exit code 0.
  for (const int signal : {SIGTERM, SIGINT}) {
    FLATVM_RETURN_IF_ERROR(
        Check(sd_event_add_signal(raw, nullptr, signal, nullptr, nullptr), "sd_event_add_signal"));
  }
  FLATVM_RETURN_IF_ERROR(Check(sd_event_set_watchdog(raw, 1), "sd_event_set_watchdog"));
  sd_notify(0, "READY=1\nSTATUS=");
  const absl::Status status = Check(sd_event_loop(raw), "sd_event_loop");
  sd_notify(0, "STOPPING=1");
  return status;
}

}  // namespace flatvm::app
