// systemd's manager as the launcher sees it, over a socketpair: answers the calls and ends the
// jobs.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "daemon/gate/systemd_front_launcher.h"
#include "tests/unit/gate/unit_properties.h"

namespace flatvm::gate {

// Each Open is one connection, served until the launcher closes it. Thread-safe.
class FakeManager {
 public:
  ~FakeManager() {
    for (std::thread& thread : threads_) thread.join();
  }

  int Open(sd_bus** bus) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
      return -errno;
    }
    {
      const std::lock_guard lock(mutex_);
      threads_.emplace_back([this, fd = ends[1]] { Serve(fd); });
    }
    int result = ::sd_bus_new(bus);
    if (result >= 0) result = ::sd_bus_set_fd(*bus, ends[0], ends[0]);
    if (result >= 0) result = ::sd_bus_negotiate_fds(*bus, 1);
    return result < 0 ? result : ::sd_bus_start(*bus);
  }

  // The next call is answered with this D-Bus error.
  void FailNext(std::string error) {
    const std::lock_guard lock(mutex_);
    errors_.push_back(std::move(error));
  }
  // Every job ends with this.
  void SetJobResult(std::string result) {
    const std::lock_guard lock(mutex_);
    job_result_ = std::move(result);
  }
  void SetUnits(std::vector<std::string> units) {
    const std::lock_guard lock(mutex_);
    units_ = std::move(units);
  }

  // "Method unit" of each call.
  std::vector<std::string> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  // D-Bus type of each property of the last StartTransientUnit; simple values as "type value".
  std::map<std::string, std::string> properties() {
    const std::lock_guard lock(mutex_);
    return properties_;
  }
  // What came as standard input.
  base::UniqueFd TakeLink() {
    const std::lock_guard lock(mutex_);
    return std::move(link_);
  }
  // The same, when a unit is started.
  base::UniqueFd WaitForLink() {
    std::unique_lock lock(mutex_);
    started_.wait(lock, [this] { return link_.valid(); });
    return std::move(link_);
  }

 private:
  void Serve(int fd) {
    sd_bus* bus = nullptr;
    sd_id128_t id = {};
    ::sd_id128_randomize(&id);
    int result = ::sd_bus_new(&bus);
    if (result >= 0) result = ::sd_bus_set_fd(bus, fd, fd);
    if (result >= 0) result = ::sd_bus_set_server(bus, 1, id);
    if (result >= 0) result = ::sd_bus_negotiate_fds(bus, 1);
    if (result >= 0) result = ::sd_bus_add_filter(bus, nullptr, &FakeManager::OnMessage, this);
    if (result >= 0) result = ::sd_bus_start(bus);
    while (result >= 0) {
      result = ::sd_bus_process(bus, nullptr);
      if (result == 0) result = ::sd_bus_wait(bus, UINT64_MAX);
    }
    ::sd_bus_close_unref(bus);
  }

  static int OnMessage(sd_bus_message* message, void* self, sd_bus_error* /*error*/) {
    if (::sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Properties", "Get") > 0) {
      return Get(message);
    }
    if (::sd_bus_message_is_method_call(message, "org.freedesktop.systemd1.Manager", nullptr) <=
        0) {
      return 0;
    }
    return static_cast<FakeManager*>(self)->Handle(message);
  }

  int Handle(sd_bus_message* call) {
    const std::lock_guard lock(mutex_);
    const std::string method = ::sd_bus_message_get_member(call);
    if (method == "Subscribe") return ::sd_bus_reply_method_return(call, "");
    if (method == "ListUnitsByPatterns") return List(call);
    const char* unit = nullptr;
    const char* mode = nullptr;
    ::sd_bus_message_read(call, "ss", &unit, &mode);
    calls_.push_back(method + " " + unit);
    if (method == "StartTransientUnit" && !ReadProperties(call, &properties_, &link_)) {
      return ::sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS, "bad properties");
    }
    if (method == "StartTransientUnit") started_.notify_all();
    if (!errors_.empty()) {
      const std::string error = errors_.front();
      errors_.erase(errors_.begin());
      return ::sd_bus_reply_method_errorf(call, error.c_str(), "as told");
    }
    const std::string job = "/org/freedesktop/systemd1/job/" + std::to_string(++last_job_);
    sd_bus* bus = ::sd_bus_message_get_bus(call);
    // The end of another's job, and this one's, before the answer even.
    Emit(bus, "/org/freedesktop/systemd1/job/0", "failed");
    Emit(bus, job, job_result_);
    return ::sd_bus_reply_method_return(call, "o", job.c_str());
  }

  // Every unit runs as this process's user.
  static int Get(sd_bus_message* call) {
    const char* interface = nullptr;
    const char* property = nullptr;
    ::sd_bus_message_read(call, "ss", &interface, &property);
    if (std::string(property) == "UID") {
      return ::sd_bus_reply_method_return(call, "v", "u", ::geteuid());
    }
    return ::sd_bus_reply_method_return(call, "v", "s", "");
  }

  static void Emit(sd_bus* bus, const std::string& job, const std::string& result) {
    sd_bus_message* signal = nullptr;
    ::sd_bus_message_new_signal(bus, &signal, "/org/freedesktop/systemd1",
                                "org.freedesktop.systemd1.Manager", "JobRemoved");
    ::sd_bus_message_set_sender(signal, "org.freedesktop.systemd1");  // as the bus would
    ::sd_bus_message_append(signal, "uoss", 1, job.c_str(), "some.service", result.c_str());
    ::sd_bus_send(bus, signal, nullptr);
    ::sd_bus_message_unref(signal);
  }

  int List(sd_bus_message* call) {
    sd_bus_message* reply = nullptr;
    ::sd_bus_message_new_method_return(call, &reply);
    ::sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
    for (const std::string& unit : units_) {
      ::sd_bus_message_append(reply, "(ssssssouso)", unit.c_str(), "", "loaded", "active",
                              "running", "", "/u", 0, "", "/j");
    }
    ::sd_bus_message_close_container(reply);
    const int result = ::sd_bus_send(nullptr, reply, nullptr);
    ::sd_bus_message_unref(reply);
    return result < 0 ? result : 1;
  }

  std::condition_variable started_;
  std::mutex mutex_;  // guards all below but threads_
  std::vector<std::string> errors_;
  std::vector<std::string> units_;
  std::vector<std::string> calls_;
  std::map<std::string, std::string> properties_;
  std::string job_result_ = "done";
  base::UniqueFd link_;
  int last_job_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace flatvm::gate
