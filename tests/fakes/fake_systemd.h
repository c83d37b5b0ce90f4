// systemd's part in slices: a D-Bus service on direct connections, and a directory tree in place of
// the kernel's cgroup files. It answers just the calls that cgroups/ makes, and only as
// org.freedesktop.systemd1(5) says.
#pragma once

#include <systemd/sd-bus.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace flatvm::fakes {

// A loaded slice.
struct FakeSlice {
  bool active = true;
  std::string fragment_path;  // empty: made up by systemd, for a unit that names it
  std::string description;
  std::map<std::string, uint64_t> properties;  // as set last; booleans are 0 and 1
  std::vector<uint32_t> cpus;                  // AllowedCPUs
  // Such as "IOReadBandwidthMax" of "/dev/block/254:0"; none of an infinite one.
  std::map<std::string, std::map<std::string, uint64_t>> device_limits;
};

// Thread-safe. Each connection has a thread of its own, which ends with the connection.
class FakeSystemd {
 public:
  // Writes cgroup files below `cgroup_root`, which must be there.
  explicit FakeSystemd(std::string cgroup_root);
  ~FakeSystemd();
  FakeSystemd(const FakeSystemd&) = delete;
  FakeSystemd& operator=(const FakeSystemd&) = delete;

  // A new connection, as sd_bus_open_system(3) makes one.
  int Open(sd_bus** bus);

  // From now on a connection is refused.
  void Stop() { stopped_ = true; }
  // The next call of `method` hangs up instead of answering.
  void HangUpAt(const std::string& method);
  // The next call of `method` is answered by this D-Bus error.
  void FailCall(const std::string& method, const std::string& error_name);
  // The next job ends like this instead of "done", without effect.
  void EndJobWith(const std::string& result);
  // The kernel's file of this name holds `content` whatever is set. In a slice whose cgroup.events
  // says that it is populated, cpuset.cpus is not emptied, as Linux 6.1 has it.
  void FixFile(const std::string& file, const std::string& content);

  void AddSlice(const std::string& unit, const FakeSlice& slice);
  // Where the kernel's files of the slice are.
  std::string CgroupDirectory(const std::string& unit) const;
  std::map<std::string, FakeSlice> slices() const;
  // Methods called, in order, with the unit, such as "StopUnit flatvm-acme.slice".
  std::vector<std::string> calls() const;

 private:
  static int OnManagerCall(sd_bus_message* call, void* self, sd_bus_error* error);
  static int OnUnitCall(sd_bus_message* call, void* self, sd_bus_error* error);

  void Serve(int fd);
  int HandleManager(sd_bus_message* call, sd_bus_error* error);
  int HandleStartTransient(sd_bus_message* call, const std::string& unit, sd_bus_error* error);
  int HandleSetProperties(sd_bus_message* call, const std::string& unit, sd_bus_error* error);
  int HandleStop(sd_bus_message* call, const std::string& unit);
  int HandleList(sd_bus_message* call);
  int HandleUnit(sd_bus_message* call, sd_bus_error* error);
  int ReadProperties(sd_bus_message* call, FakeSlice* slice);
  int ReadProperty(sd_bus_message* call, const std::string& name, FakeSlice* slice);
  // Announces the end of a new job and answers with it.
  int FinishJob(sd_bus_message* call, const std::string& unit, const std::string& result);
  std::string TakeJobResult();
  void WriteKernelFiles(const std::string& unit, const FakeSlice& slice);

  const std::string cgroup_root_;
  std::atomic<bool> stopped_{false};

  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, FakeSlice> slices_;
  std::vector<std::string> calls_;
  std::map<std::string, std::string> failures_;
  std::map<std::string, std::string> fixed_files_;
  std::string hang_up_at_;
  std::string next_job_result_ = "done";
  int jobs_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace flatvm::fakes
