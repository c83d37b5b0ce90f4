#include "daemon/systemd/bus.h"

#include <systemd/sd-bus.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <limits>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::systemd {
namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kUnitPaths = "/org/freedesktop/systemd1/unit";
constexpr const char* kManagerInterface = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnitInterface = "org.freedesktop.systemd1.Unit";
constexpr const char* kServiceInterface = "org.freedesktop.systemd1.Service";
constexpr const char* kSliceInterface = "org.freedesktop.systemd1.Slice";
constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";
constexpr const char* kUnitExists = "org.freedesktop.systemd1.UnitExists";

// systemd answers within milliseconds; it is silent for seconds while it reloads its units.
constexpr std::chrono::seconds kCallTimeout{15};
constexpr std::chrono::seconds kStartTimeout{30};
// What runs in a slice gets systemd's default of 90 s before it is killed.
constexpr std::chrono::seconds kStopTimeout{120};

// Owns an error that libsystemd filled in.
class BusError {
 public:
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { sd_bus_error_free(&error_); }
  sd_bus_error* get() { return &error_; }

 private:
  sd_bus_error error_ = SD_BUS_ERROR_NULL;
};

bool IsUnreachable(int code, const sd_bus_error* error) {
  static constexpr std::array kNames = {
      SD_BUS_ERROR_DISCONNECTED,    SD_BUS_ERROR_NO_REPLY,          SD_BUS_ERROR_NO_SERVER,
      SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_TIMEOUT};
  for (const char* name : kNames) {
    if (error != nullptr && sd_bus_error_has_name(error, name) > 0) return true;
  }
  static constexpr std::array kCodes = {ECONNRESET, ENOTCONN, EPIPE, ESHUTDOWN, ETIMEDOUT};
  for (const int known : kCodes) {
    if (code == -known) return true;
  }
  return false;
}

absl::Status Unavailable(std::string_view what) {
  return base::MakeError(absl::StatusCode::kUnavailable, base::Reason::kServiceManagerUnavailable,
                         base::StrCat("the host's service manager ", what, "; try again later"));
}

absl::Status MakeStatus(int code, const sd_bus_error* error, std::string_view what) {
  if (IsUnreachable(code, error)) return Unavailable("cannot be reached or does not answer");
  if (error == nullptr || sd_bus_error_is_set(error) == 0) return base::ErrnoError(-code, what);
  const std::string text =
      base::StrCat("systemd, ", what, ": ", error->name, ": ",
                   base::EscapeForLog(error->message == nullptr ? "" : error->message, 500));
  if (sd_bus_error_has_name(error, kNoSuchUnit) > 0) return absl::NotFoundError(text);
  if (sd_bus_error_has_name(error, kUnitExists) > 0) return absl::AlreadyExistsError(text);
  return base::InternalError(text);
}

}  // namespace

void Bus::BusCloser::operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
void Bus::MessageUnref::operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }

absl::StatusOr<std::unique_ptr<Bus>> Bus::Open(const BusOpener& opener) {
  sd_bus* raw = nullptr;
  if ((opener ? opener(&raw) : sd_bus_open_system(&raw)) < 0)
    return Unavailable("cannot be reached");
  std::unique_ptr<Bus> bus(new Bus(raw));
  const auto timeout_us = std::chrono::microseconds(kCallTimeout).count();
  const int r = sd_bus_set_method_call_timeout(raw, static_cast<uint64_t>(timeout_us));
  if (r < 0) return MakeStatus(r, nullptr, "set a timeout");
  return bus;
}

int Bus::OnJobRemoved(sd_bus_message* message, void* self, sd_bus_error*) {
  const char* job = nullptr;
  const char* result = nullptr;
  if (sd_bus_message_read(message, "uoss", nullptr, &job, nullptr, &result) >= 0) {
    static_cast<Bus*>(self)->finished_jobs_[job] = result;
  }
  return 0;
}

absl::Status Bus::SubscribeToJobs() {
  if (subscribed_) return absl::OkStatus();
  // On a bus only systemd's own signal counts; on a direct connection messages carry no sender.
  const char* sender = sd_bus_is_bus_client(bus_.get()) > 0 ? kService : nullptr;
  const int r = sd_bus_match_signal(bus_.get(), nullptr, sender, kManagerPath, kManagerInterface,
                                    "JobRemoved", &Bus::OnJobRemoved, this);
  if (r < 0) return MakeStatus(r, nullptr, "watch jobs");
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, NewManagerCall("Subscribe"));
  FLATVM_RETURN_IF_ERROR(Call(call.get()).status());
  subscribed_ = true;
  return absl::OkStatus();
}

absl::StatusOr<Bus::MessagePtr> Bus::NewManagerCall(const char* method) {
  sd_bus_message* raw = nullptr;
  const int r = sd_bus_message_new_method_call(bus_.get(), &raw, kService, kManagerPath,
                                               kManagerInterface, method);
  if (r < 0) return MakeStatus(r, nullptr, method);
  return MessagePtr(raw);
}

absl::StatusOr<Bus::MessagePtr> Bus::Call(sd_bus_message* call) {
  BusError error;
  sd_bus_message* raw = nullptr;
  const int r = sd_bus_call(bus_.get(), call, 0, error.get(), &raw);
  if (r < 0) return MakeStatus(r, error.get(), sd_bus_message_get_member(call));
  return MessagePtr(raw);
}

absl::StatusOr<std::string> Bus::GetString(const std::string& object_path, const char* interface,
                                           const char* property) {
  BusError error;
  char* raw = nullptr;
  const int r = sd_bus_get_property_string(bus_.get(), kService, object_path.c_str(), interface,
                                           property, error.get(), &raw);
  if (r < 0) return MakeStatus(r, error.get(), property);
  std::string value(raw);
  std::free(raw);
  return value;
}

absl::StatusOr<std::optional<UnitInfo>> Bus::FindUnit(const std::string& unit) {
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, NewManagerCall("GetUnit"));
  int r = sd_bus_message_append(call.get(), "s", unit.c_str());
  if (r < 0) return MakeStatus(r, nullptr, "GetUnit");
  const absl::StatusOr<MessagePtr> reply = Call(call.get());
  if (absl::IsNotFound(reply.status())) return std::optional<UnitInfo>();
  if (!reply.ok()) return reply.status();
  const char* path = nullptr;
  r = sd_bus_message_read(reply->get(), "o", &path);
  if (r < 0) return MakeStatus(r, nullptr, "GetUnit");
  UnitInfo info{.object_path = path};
  FLATVM_ASSIGN_OR_RETURN(info.active_state,
                          GetString(info.object_path, kUnitInterface, "ActiveState"));
  FLATVM_ASSIGN_OR_RETURN(info.fragment_path,
                          GetString(info.object_path, kUnitInterface, "FragmentPath"));
  return std::optional<UnitInfo>(std::move(info));
}

absl::Status Bus::StartTransientUnit(const std::string& unit,
                                     const std::vector<UnitProperty>& properties) {
  constexpr const char* kMethod = "StartTransientUnit";
  FLATVM_RETURN_IF_ERROR(SubscribeToJobs());
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, NewManagerCall(kMethod));
  int r = sd_bus_message_append(call.get(), "ss", unit.c_str(), "fail");
  if (r < 0) return MakeStatus(r, nullptr, kMethod);
  FLATVM_RETURN_IF_ERROR(AppendUnitProperties(call.get(), properties));
  r = sd_bus_message_append(call.get(), "a(sa(sv))", 0);  // no auxiliary units
  if (r < 0) return MakeStatus(r, nullptr, kMethod);
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr reply, Call(call.get()));
  return WaitForJob(reply.get(), base::StrCat("start of ", unit), kStartTimeout);
}

absl::Status Bus::ReplaceTransientUnit(const std::string& unit,
                                       const std::vector<UnitProperty>& properties) {
  const absl::Status started = StartTransientUnit(unit, properties);
  if (!absl::IsAlreadyExists(started)) return started;
  FLATVM_RETURN_IF_ERROR(StopUnit(unit));
  absl::Status again = StartTransientUnit(unit, properties);
  if (!absl::IsAlreadyExists(again)) return again;
  return base::InternalError(base::StrCat(unit, " is still there after it was stopped"));
}

absl::Status Bus::SetUnitProperties(const std::string& unit,
                                    const std::vector<UnitProperty>& properties) {
  constexpr const char* kMethod = "SetUnitProperties";
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, NewManagerCall(kMethod));
  const int r = sd_bus_message_append(call.get(), "sb", unit.c_str(), 1);  // 1: not across a reboot
  if (r < 0) return MakeStatus(r, nullptr, kMethod);
  FLATVM_RETURN_IF_ERROR(AppendUnitProperties(call.get(), properties));
  return Call(call.get()).status();
}

absl::Status Bus::StartUnit(const std::string& unit) {
  return RunJob("StartUnit", unit, kStartTimeout);
}

absl::Status Bus::StopUnit(const std::string& unit) {
  const absl::Status status = RunJob("StopUnit", unit, kStopTimeout);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status Bus::RunJob(const char* method, const std::string& unit,
                         std::chrono::seconds timeout) {
  FLATVM_RETURN_IF_ERROR(SubscribeToJobs());
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, NewManagerCall(method));
  const int r = sd_bus_message_append(call.get(), "ss", unit.c_str(), "replace");
  if (r < 0) return MakeStatus(r, nullptr, method);
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr reply, Call(call.get()));
  return WaitForJob(reply.get(), base::StrCat(method, " of ", unit), timeout);
}

absl::Status Bus::WaitForJob(sd_bus_message* reply, const std::string& what,
                             std::chrono::seconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const char* job = nullptr;
  int r = sd_bus_message_read(reply, "o", &job);
  if (r < 0) return MakeStatus(r, nullptr, what);
  while (true) {
    if (const auto it = finished_jobs_.find(job); it != finished_jobs_.end()) {
      if (it->second == "done") return absl::OkStatus();
      return base::InternalError(base::StrCat("systemd, ", what, ": the job ended \"",
                                              base::EscapeForLog(it->second, 40), "\""));
    }
    r = sd_bus_process(bus_.get(), nullptr);
    if (r < 0) return MakeStatus(r, nullptr, what);
    if (r > 0) continue;
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Unavailable("did not finish in time");
    r = sd_bus_wait(bus_.get(), static_cast<uint64_t>(left.count()));
    if (r < 0 && r != -EINTR) return MakeStatus(r, nullptr, what);
  }
}

absl::Status Bus::SignalService(const std::string& unit, int signal) {
  constexpr const char* kMethod = "KillUnit";
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, NewManagerCall(kMethod));
  const int r = sd_bus_message_append(call.get(), "ssi", unit.c_str(), "main", signal);
  if (r < 0) return MakeStatus(r, nullptr, kMethod);
  const absl::Status sent = Call(call.get()).status();
  return absl::IsNotFound(sent) ? base::InternalError(base::Message(sent)) : sent;
}

absl::StatusOr<uint32_t> Bus::GetServiceUser(const std::string& unit) {
  constexpr const char* kProperty = "UID";
  constexpr uint32_t kNobodyYet = std::numeric_limits<uint32_t>::max();
  char* path = nullptr;
  int r = sd_bus_path_encode(kUnitPaths, unit.c_str(), &path);
  if (r < 0) return MakeStatus(r, nullptr, kProperty);
  BusError error;
  uint32_t user = kNobodyYet;
  r = sd_bus_get_property_trivial(bus_.get(), kService, path, kServiceInterface, kProperty,
                                  error.get(), 'u', &user);
  std::free(path);
  if (r < 0) return MakeStatus(r, error.get(), kProperty);
  if (user == kNobodyYet) return base::InternalError(base::StrCat(unit, " has no user"));
  return user;
}

absl::StatusOr<std::string> Bus::GetControlGroup(const UnitInfo& slice) {
  return GetString(slice.object_path, kSliceInterface, "ControlGroup");
}

absl::StatusOr<std::vector<std::string>> Bus::ListUnits(const std::string& pattern,
                                                        const std::vector<std::string>& states) {
  constexpr const char* kMethod = "ListUnitsByPatterns";
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, NewManagerCall(kMethod));
  int r = AppendNames(call.get(), states);
  if (r >= 0) r = sd_bus_message_append(call.get(), "as", 1, pattern.c_str());
  if (r < 0) return MakeStatus(r, nullptr, kMethod);
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr reply, Call(call.get()));
  std::vector<std::string> names;
  r = sd_bus_message_enter_container(reply.get(), 'a', "(ssssssouso)");
  while (r > 0) {
    const char* name = nullptr;
    r = sd_bus_message_read(reply.get(), "(ssssssouso)", &name, nullptr, nullptr, nullptr, nullptr,
                            nullptr, nullptr, nullptr, nullptr, nullptr);
    if (r > 0) names.emplace_back(name);
  }
  if (r < 0) return MakeStatus(r, nullptr, kMethod);
  return names;
}

}  // namespace flatvm::systemd
