// One D-Bus connection to systemd and the few calls that slices need. Knows units, not tenants.
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
#include "cgroups/slice_properties.h"

namespace flatvm::cgroups {

// Makes a connection, as sd_bus_open_system(3) does: 0 or more, or a negative errno.
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
class SystemdBus {
 public:
  static absl::StatusOr<std::unique_ptr<SystemdBus>> Open(const BusOpener& opener);
  SystemdBus(const SystemdBus&) = delete;
  SystemdBus& operator=(const SystemdBus&) = delete;

  absl::StatusOr<std::optional<UnitInfo>> FindUnit(const std::string& unit);

  // Starts a slice that exists for as long as it runs, and waits for it. A slice that systemd made
  // up becomes such a one and what runs in it goes on. ALREADY_EXISTS without a Reason if the unit
  // has a file.
  absl::Status StartTransientSlice(const std::string& unit, const std::string& description,
                                   const SliceProperties& properties);

  // Sets them until the slice stops or the host does.
  absl::Status SetSliceProperties(const std::string& unit, const SliceProperties& properties);

  absl::Status StartUnit(const std::string& unit);

  // Waits until the unit and all that depends on it has stopped; OK if there is no such unit.
  absl::Status StopUnit(const std::string& unit);

  // The slice's cgroup, such as "/flatvm.slice/flatvm-acme.slice"; empty if it has none.
  absl::StatusOr<std::string> GetControlGroup(const UnitInfo& slice);

  // Names of the active units that match a shell pattern.
  absl::StatusOr<std::vector<std::string>> ListActiveUnits(const std::string& pattern);

 private:
  struct BusCloser {
    void operator()(sd_bus* bus) const;
  };
  struct MessageUnref {
    void operator()(sd_bus_message* message) const;
  };
  using MessagePtr = std::unique_ptr<sd_bus_message, MessageUnref>;

  explicit SystemdBus(sd_bus* bus) : bus_(bus) {}

  static int OnJobRemoved(sd_bus_message* message, void* self, sd_bus_error* error);

  // Once a connection: systemd refuses a second time.
  absl::Status SubscribeToJobs();
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

}  // namespace flatvm::cgroups
