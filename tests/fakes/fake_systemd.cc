#include "tests/fakes/fake_systemd.h"

#include <fnmatch.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>
#include <utility>

#include "daemon/base/cpu_list.h"
#include "daemon/base/str_cat.h"

namespace flatvm::fakes {
namespace {

constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManagerInterface = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnitPrefix = "/org/freedesktop/systemd1/unit";
constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";
constexpr const char* kUnitExists = "org.freedesktop.systemd1.UnitExists";
constexpr uint64_t kInfinity = std::numeric_limits<uint64_t>::max();

std::string LimitText(uint64_t value) {
  return value == kInfinity ? "max\n" : base::StrCat(value, "\n");
}

std::string ValueOr(const FakeSlice& slice, const std::string& property, uint64_t unit_bytes) {
  const auto it = slice.properties.find(property);
  if (it == slice.properties.end() || it->second == kInfinity) return LimitText(kInfinity);
  return LimitText(it->second / unit_bytes * unit_bytes);
}

std::string CpuMaxText(const FakeSlice& slice) {
  const auto it = slice.properties.find("CPUQuotaPerSecUSec");
  if (it == slice.properties.end() || it->second == kInfinity) return "max 100000\n";
  return base::StrCat(it->second / 10, " 100000\n");  // a period is a tenth of a second
}

// cpu_set_from_dbus(): the lowest bit of the first byte is CPU 0.
int ReadCpus(sd_bus_message* call, std::vector<uint32_t>* cpus) {
  const void* bytes = nullptr;
  size_t size = 0;
  int r = sd_bus_message_enter_container(call, 'v', "ay");
  if (r >= 0) r = sd_bus_message_read_array(call, 'y', &bytes, &size);
  if (r < 0) return r;
  cpus->clear();
  for (uint32_t cpu = 0; cpu < size * 8; ++cpu) {
    const unsigned byte = static_cast<const uint8_t*>(bytes)[cpu / 8];
    if ((byte >> (cpu % 8) & 1U) != 0) cpus->push_back(cpu);
  }
  return sd_bus_message_exit_container(call);
}

// bus_cgroup_set_property(): entries add, an empty array takes away.
int ReadDeviceLimits(sd_bus_message* call, std::map<std::string, uint64_t>* limits) {
  int r = sd_bus_message_enter_container(call, 'v', "a(st)");
  if (r >= 0) r = sd_bus_message_enter_container(call, 'a', "(st)");
  bool empty = true;
  const char* device = nullptr;
  uint64_t limit = 0;
  while (r >= 0 && (r = sd_bus_message_read(call, "(st)", &device, &limit)) > 0) {
    empty = false;
    limits->insert_or_assign(device, limit);
  }
  if (empty) limits->clear();
  if (r >= 0) r = sd_bus_message_exit_container(call);
  return r < 0 ? r : sd_bus_message_exit_container(call);
}

// A line for each device that has a limit; systemd takes the device's numbers from the path.
std::string IoMaxText(const FakeSlice& slice) {
  static constexpr std::array<std::array<const char*, 2>, 4> kKeys = {
      {{"IOReadBandwidthMax", " rbps="},
       {"IOWriteBandwidthMax", " wbps="},
       {"IOReadIOPSMax", " riops="},
       {"IOWriteIOPSMax", " wiops="}}};
  std::map<std::string, std::map<std::string, uint64_t>> by_device;
  for (const auto& [property, limits] : slice.device_limits) {
    for (const auto& [device, limit] : limits) by_device[device][property] = limit;
  }
  std::string text;
  for (const auto& [device, limits] : by_device) {
    text += std::filesystem::path(device).filename().string();
    for (const auto& [property, key] : kKeys) {
      const auto it = limits.find(property);
      text += key + (it == limits.end() ? "max" : base::StrCat(it->second));
    }
    text += "\n";
  }
  return text;
}

std::string CgroupPath(const std::string& unit) { return "/flatvm.slice/" + unit; }

// Those of a slice that has just been started.
std::map<std::string, std::string> UsageFiles() {
  const std::string pressure = " avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
  const std::string both = base::StrCat("some", pressure, "full", pressure);
  return {{"memory.current", "0\n"},
          {"memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"},
          {"cpu.stat", "usage_usec 0\nuser_usec 0\nnr_throttled 0\nthrottled_usec 0\n"},
          {"pids.current", "0\n"},
          {"io.stat", ""},
          {"memory.pressure", both},
          {"cpu.pressure", both},
          {"io.pressure", both}};
}

std::string UnitPath(const std::string& unit) {
  char* encoded = nullptr;
  if (sd_bus_path_encode(kUnitPrefix, unit.c_str(), &encoded) < 0) return "";
  std::string path(encoded);
  ::free(encoded);
  return path;
}

}  // namespace

FakeSystemd::FakeSystemd(std::string cgroup_root) : cgroup_root_(std::move(cgroup_root)) {}

FakeSystemd::~FakeSystemd() {
  for (std::thread& thread : threads_) thread.join();
}

int FakeSystemd::Open(sd_bus** bus) {
  if (stopped_) return -ECONNREFUSED;
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) != 0) {
    return -errno;
  }
  int r = sd_bus_new(bus);
  if (r >= 0) r = sd_bus_set_fd(*bus, fds[0], fds[0]);
  if (r >= 0) r = sd_bus_start(*bus);
  const std::lock_guard lock(mutex_);
  threads_.emplace_back([this, fd = fds[1]] { Serve(fd); });
  return r;
}

void FakeSystemd::Serve(int fd) {
  sd_bus* bus = nullptr;
  sd_id128_t id{};
  int r = sd_id128_randomize(&id);
  if (r >= 0) r = sd_bus_new(&bus);
  if (r >= 0) r = sd_bus_set_fd(bus, fd, fd);
  if (r >= 0) r = sd_bus_set_server(bus, 1, id);
  if (r >= 0) r = sd_bus_add_object(bus, nullptr, kManagerPath, &FakeSystemd::OnManagerCall, this);
  if (r >= 0) r = sd_bus_add_fallback(bus, nullptr, kUnitPrefix, &FakeSystemd::OnUnitCall, this);
  if (r >= 0) r = sd_bus_start(bus);
  while (r >= 0) {
    r = sd_bus_process(bus, nullptr);
    if (r == 0) r = sd_bus_wait(bus, kInfinity);
  }
  sd_bus_flush_close_unref(bus);
}

void FakeSystemd::HangUpAt(const std::string& method) {
  const std::lock_guard lock(mutex_);
  hang_up_at_ = method;
}

void FakeSystemd::FailCall(const std::string& method, const std::string& error_name) {
  const std::lock_guard lock(mutex_);
  failures_.insert_or_assign(method, error_name);
}

void FakeSystemd::EndJobWith(const std::string& result) {
  const std::lock_guard lock(mutex_);
  next_job_result_ = result;
}

void FakeSystemd::FixFile(const std::string& file, const std::string& content) {
  const std::lock_guard lock(mutex_);
  fixed_files_.insert_or_assign(file, content);
}

void FakeSystemd::AddSlice(const std::string& unit, const FakeSlice& slice) {
  const std::lock_guard lock(mutex_);
  slices_.insert_or_assign(unit, slice);
  if (slice.active) WriteKernelFiles(unit, slice);
}

std::map<std::string, FakeSlice> FakeSystemd::slices() const {
  const std::lock_guard lock(mutex_);
  return slices_;
}

std::string FakeSystemd::CgroupDirectory(const std::string& unit) const {
  return cgroup_root_ + CgroupPath(unit);
}

std::vector<std::string> FakeSystemd::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

int FakeSystemd::OnManagerCall(sd_bus_message* call, void* self, sd_bus_error* error) {
  return static_cast<FakeSystemd*>(self)->HandleManager(call, error);
}

int FakeSystemd::OnUnitCall(sd_bus_message* call, void* self, sd_bus_error* error) {
  return static_cast<FakeSystemd*>(self)->HandleUnit(call, error);
}

int FakeSystemd::HandleManager(sd_bus_message* call, sd_bus_error* error) {
  const std::lock_guard lock(mutex_);
  const std::string method = sd_bus_message_get_member(call);
  if (method == hang_up_at_) {
    hang_up_at_.clear();
    sd_bus_close(sd_bus_message_get_bus(call));
    return -ECONNRESET;
  }
  if (const auto it = failures_.find(method); it != failures_.end()) {
    const std::string name = it->second;
    failures_.erase(it);
    return sd_bus_error_set(error, name.c_str(), "as ordered");
  }
  if (method == "Subscribe") return sd_bus_reply_method_return(call, nullptr);
  if (method == "ListUnitsByPatterns") return HandleList(call);
  const char* name = nullptr;
  const int r = sd_bus_message_read(call, "s", &name);
  if (r < 0) return r;
  const std::string unit = name;
  calls_.push_back(base::StrCat(method, " ", unit));
  if (method == "StartTransientUnit") return HandleStartTransient(call, unit, error);
  const auto it = slices_.find(unit);
  if (it == slices_.end()) return sd_bus_error_set(error, kNoSuchUnit, "not loaded");
  if (method == "GetUnit") return sd_bus_reply_method_return(call, "o", UnitPath(unit).c_str());
  if (method == "SetUnitProperties") return HandleSetProperties(call, unit, error);
  if (method == "StopUnit") return HandleStop(call, unit);
  if (method != "StartUnit") return 0;
  it->second.active = true;
  WriteKernelFiles(unit, it->second);
  return FinishJob(call, unit, TakeJobResult());
}

int FakeSystemd::HandleStartTransient(sd_bus_message* call, const std::string& unit,
                                      sd_bus_error* error) {
  if (const auto it = slices_.find(unit);
      it != slices_.end() && !it->second.fragment_path.empty()) {
    return sd_bus_error_set(error, kUnitExists, "has a fragment");
  }
  FakeSlice slice{.fragment_path = base::StrCat("/run/systemd/transient/", unit)};
  int r = sd_bus_message_skip(call, "s");
  if (r >= 0) r = ReadProperties(call, &slice);
  if (r < 0) return r;
  const std::string result = TakeJobResult();
  if (result == "done") {
    slices_.insert_or_assign(unit, slice);
    WriteKernelFiles(unit, slice);
  }
  return FinishJob(call, unit, result);
}

int FakeSystemd::HandleSetProperties(sd_bus_message* call, const std::string& unit,
                                     sd_bus_error* error) {
  int runtime = 0;
  int r = sd_bus_message_read(call, "b", &runtime);
  if (r < 0) return r;
  if (runtime == 0) return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "must be runtime");
  FakeSlice& slice = slices_.at(unit);
  r = ReadProperties(call, &slice);
  if (r < 0) return r;
  if (slice.active) WriteKernelFiles(unit, slice);
  return sd_bus_reply_method_return(call, nullptr);
}

int FakeSystemd::HandleStop(sd_bus_message* call, const std::string& unit) {
  const std::string result = TakeJobResult();
  if (result == "done") {
    slices_.erase(unit);
    std::filesystem::remove_all(cgroup_root_ + CgroupPath(unit));
  }
  return FinishJob(call, unit, result);
}

int FakeSystemd::HandleList(sd_bus_message* call) {
  const char* state = nullptr;
  const char* pattern = nullptr;
  int r = sd_bus_message_read(call, "asas", 1, &state, 1, &pattern);
  if (r < 0) return r;
  sd_bus_message* reply = nullptr;
  r = sd_bus_message_new_method_return(call, &reply);
  if (r >= 0) r = sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
  for (const auto& [unit, slice] : slices_) {
    const bool listed = slice.active == (std::string(state) == "active") &&
                        ::fnmatch(pattern, unit.c_str(), FNM_NOESCAPE) == 0;
    if (r < 0 || !listed) continue;
    r = sd_bus_message_append(reply, "(ssssssouso)", unit.c_str(), slice.description.c_str(),
                              "loaded", "active", "active", "", UnitPath(unit).c_str(), 0, "", "/");
  }
  if (r >= 0) r = sd_bus_message_close_container(reply);
  if (r >= 0) r = sd_bus_send(nullptr, reply, nullptr);
  sd_bus_message_unref(reply);
  return r < 0 ? r : 1;
}

int FakeSystemd::HandleUnit(sd_bus_message* call, sd_bus_error* error) {
  const std::lock_guard lock(mutex_);
  const char* property = nullptr;
  int r = sd_bus_message_read(call, "ss", nullptr, &property);
  char* decoded = nullptr;
  if (r >= 0) r = sd_bus_path_decode(sd_bus_message_get_path(call), kUnitPrefix, &decoded);
  if (r <= 0) return r;
  const std::string unit = decoded;
  ::free(decoded);
  const auto it = slices_.find(unit);
  if (it == slices_.end()) return sd_bus_error_set(error, kNoSuchUnit, "not loaded");
  const std::map<std::string, std::string> values = {
      {"ActiveState", it->second.active ? "active" : "inactive"},
      {"FragmentPath", it->second.fragment_path},
      {"ControlGroup", it->second.active ? CgroupPath(unit) : ""}};
  const auto value = values.find(property);
  if (value == values.end()) return sd_bus_error_set(error, SD_BUS_ERROR_UNKNOWN_PROPERTY, "");
  return sd_bus_reply_method_return(call, "v", "s", value->second.c_str());
}

int FakeSystemd::ReadProperties(sd_bus_message* call, FakeSlice* slice) {
  int r = sd_bus_message_enter_container(call, 'a', "(sv)");
  while (r > 0) {
    r = sd_bus_message_enter_container(call, 'r', "sv");
    if (r <= 0) break;
    const char* name = nullptr;
    r = sd_bus_message_read(call, "s", &name);
    if (r >= 0) r = ReadProperty(call, name, slice);
    if (r >= 0) r = sd_bus_message_exit_container(call);
  }
  return r < 0 ? r : sd_bus_message_exit_container(call);
}

int FakeSystemd::ReadProperty(sd_bus_message* call, const std::string& name, FakeSlice* slice) {
  const char* contents = nullptr;
  const int r = sd_bus_message_peek_type(call, nullptr, &contents);
  if (r < 0) return r;
  const std::string type = contents;
  if (type == "ay") return ReadCpus(call, &slice->cpus);
  if (type == "a(st)") return ReadDeviceLimits(call, &slice->device_limits[name]);
  if (type == "t") return sd_bus_message_read(call, "v", "t", &slice->properties[name]);
  if (type == "b") {
    int value = 0;
    const int result = sd_bus_message_read(call, "v", "b", &value);
    slice->properties[name] = static_cast<uint64_t>(value);
    return result;
  }
  const char* text = nullptr;
  const int result = sd_bus_message_read(call, "v", "s", &text);
  if (result >= 0 && name == "Description") slice->description = text;
  return result;
}

int FakeSystemd::FinishJob(sd_bus_message* call, const std::string& unit,
                           const std::string& result) {
  const std::string job = base::StrCat("/org/freedesktop/systemd1/job/", ++jobs_);
  const int r = sd_bus_reply_method_return(call, "o", job.c_str());
  if (r < 0) return r;
  return sd_bus_emit_signal(sd_bus_message_get_bus(call), kManagerPath, kManagerInterface,
                            "JobRemoved", "uoss", jobs_, job.c_str(), unit.c_str(), result.c_str());
}

std::string FakeSystemd::TakeJobResult() { return std::exchange(next_job_result_, "done"); }

void FakeSystemd::WriteKernelFiles(const std::string& unit, const FakeSlice& slice) {
  const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::string directory = CgroupDirectory(unit);
  std::filesystem::create_directories(directory);
  std::map<std::string, std::string> files = {
      {"cgroup.events", "populated 0\nfrozen 0\n"},
      {"memory.max", ValueOr(slice, "MemoryMax", page_bytes)},
      {"memory.swap.max", ValueOr(slice, "MemorySwapMax", page_bytes)},
      {"memory.high", ValueOr(slice, "MemoryHigh", page_bytes)},
      {"cpu.max", CpuMaxText(slice)},
      {"io.max", IoMaxText(slice)},
      {"pids.max", ValueOr(slice, "TasksMax", 1)}};
  if (!slice.cpus.empty()) files["cpuset.cpus"] = base::FormatCpuList(slice.cpus) + "\n";
  for (const auto& [name, content] : UsageFiles()) files.insert_or_assign(name, content);
  for (const auto& [name, content] : fixed_files_) files.insert_or_assign(name, content);
  // Without CPUs systemd switches the controller off, unless something below needs it.
  const bool populated = files["cgroup.events"].starts_with("populated 1");
  if (slice.cpus.empty() && !populated) std::filesystem::remove(directory + "/cpuset.cpus");
  for (const auto& [name, content] : files)
    std::ofstream(base::StrCat(directory, "/", name)) << content;
}

}  // namespace flatvm::fakes
