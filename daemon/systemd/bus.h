// One D-Bus connection to systemd and the few calls that slices and transient services need. Knows
// units, not tenants.
#pragma once

#include <systemd/sd-bus.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/systemd/unit_property.h"

namespace flatvm::systemd {

// Makes a connection, as sd_bus_open_system(3) does: 0 or more, or a negative errno. Empty: that.
using BusOpener = std::function<int(sd_bus**)>;

struct UnitInfo {
  std::string object_path;
  std::string active_state;   // "active", "inactive", …
  std::string fragment_path;  // empty: systemd made the unit up because another one named it

  bool active() const { return active_state == "active"; }
};

// Thread-compatible; every call blocks. Errors of every call: UNAVAILABLE /
// kServiceManagerUnavailable if systemd cannot be reached or does not answer in time; INTERNAL with
// systemd's text. Source: org.freedesktop.systemd1(5).
class Bus {
 public:
  static absl::StatusOr<std::unique_ptr<Bus>> Open(const BusOpener& opener);
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  absl::StatusOr<std::optional<UnitInfo>> FindUnit(const std::string& unit);

  // Makes a unit that exists for as long as it runs, starts it and waits for that. A slice that
  // systemd made up becomes such a one, and what runs in it goes on. ALREADY_EXISTS without a
  // Reason if the unit has a file, or is a service that is there.
  absl::Status StartTransientUnit(const std::string& unit,
                                  const std::vector<UnitProperty>& properties);

  // The same, in the place of a service of that name, which is stopped first.
  absl::Status ReplaceTransientUnit(const std::string& unit,
                                    const std::vector<UnitProperty>& properties);

  // Sets them until the unit stops or the host does.
  absl::Status SetUnitProperties(const std::string& unit,
                                 const std::vector<UnitProperty>& properties);

  // What starting and stopping units does by itself, once a connection: so that they need not wait
  // for it.
  absl::Status SubscribeToJobs();

  absl::Status StartUnit(const std::string& unit);

  // Waits until the unit and all that depends on it has stopped; OK if there is no such unit.
  absl::Status StopUnit(const std::string& unit);

  // Sends a signal to a running service's main process. INTERNAL if there is none.
  absl::Status SignalService(const std::string& unit, int signal);

  // The user that a running service's process has. INTERNAL if it has none, or is not there.
  absl::StatusOr<uint32_t> GetServiceUser(const std::string& unit);

  // The slice's cgroup, such as "/flatvm.slice/flatvm-acme.slice"; empty if it has none.
  absl::StatusOr<std::string> GetControlGroup(const UnitInfo& slice);

  // Names of the units that match a shell pattern and are in one of `states` ("active", …; none: in
  // any).
  absl::StatusOr<std::vector<std::string>> ListUnits(const std::string& pattern,
                                                     const std::vector<std::string>& states);

 private:
  struct BusCloser {
    void operator()(sd_bus* bus) const;
  };
  struct MessageUnref {
    void operator()(sd_bus_message* message) const;
  };
  using MessagePtr = std::unique_ptr<sd_bus_message, MessageUnref>;

  explicit Bus(sd_bus* bus) : bus_(bus) {}

  static int OnJobRemoved(sd_bus_message* message, void* self, sd_bus_error* error);

  absl::StatusOr<MessagePtr> NewManagerCall(const char* method);
  absl::StatusOr<MessagePtr> Call(sd_bus_message* call);
  absl::StatusOr<std::string> GetString(const std::string& object_path, const char* interface,
                                        const char* property);
  // StartUnit and StopUnit of the manager: takes a unit and a mode, gives a job.
  absl::Status RunJob(const char* method, const std::string& unit, std::chrono::seconds timeout);
  // `reply` names the job.
  absl::Status WaitForJob(sd_bus_message* reply, const std::string& what,
                          std::chrono::seconds timeout);

  std::unique_ptr<sd_bus, BusCloser> bus_;
  bool subscribed_ = false;
  std::map<std::string, std::string> finished_jobs_;  // result by object path
};

}  // namespace flatvm::systemd
