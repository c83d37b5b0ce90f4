#include "daemon/gate/systemd_front_launcher.h"

#include <cerrno>
#include <map>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/gate/front_unit.h"

namespace flatvm::gate {
namespace {

constexpr char kDestination[] = "org.freedesktop.systemd1";
constexpr char kPath[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr char kUnitExists[] = "org.freedesktop.systemd1.UnitExists";
constexpr char kNoSuchUnit[] = "org.freedesktop.systemd1.NoSuchUnit";

struct MessageCloser {
  void operator()(sd_bus_message* message) const { ::sd_bus_message_unref(message); }
};
using MessagePtr = std::unique_ptr<sd_bus_message, MessageCloser>;
struct SlotCloser {
  void operator()(sd_bus_slot* slot) const { ::sd_bus_slot_unref(slot); }
};
using SlotPtr = std::unique_ptr<sd_bus_slot, SlotCloser>;

using Time = std::chrono::steady_clock::time_point;

absl::Status Unavailable(std::string_view text) {
  return base::MakeError(absl::StatusCode::kUnavailable, base::Reason::kServiceManagerUnavailable,
                         text);
}

// A D-Bus error that the caller may want to know by name.
struct BusError {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { ::sd_bus_error_free(&error); }

  bool Is(const char* name) const { return ::sd_bus_error_has_name(&error, name) != 0; }
  absl::Status ToStatus(int result, std::string_view what) const {
    // Without an answer of systemd's own it is the bus, or systemd, that is not there.
    const bool from_systemd = error.name != nullptr &&
                              std::string_view(error.name).starts_with("org.freedesktop.systemd1.");
    if (!from_systemd) return Unavailable("the service manager cannot be reached");
    return base::InternalError(base::StrCat(
        what, ": ", error.message != nullptr ? error.message : std::to_string(-result)));
  }
};

// Results of the jobs that ended while we listened, by job path.
struct EndedJobs {
  std::map<std::string, std::string> results;

  static int OnJobRemoved(sd_bus_message* message, void* self, sd_bus_error* /*error*/) {
    uint32_t id = 0;
    const char* path = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    if (::sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) >= 0) {
      static_cast<EndedJobs*>(self)->results[path] = result;
    }
    return 0;
  }
};

// One connection, while one of the launcher's calls lasts.
class Session {
 public:
  Session(BusPtr bus, std::chrono::milliseconds timeout)
      : bus_(std::move(bus)), deadline_(std::chrono::steady_clock::now() + timeout) {}

  // To be called before the first job, or its end might be missed.
  absl::Status ListenForJobs() {
    sd_bus_slot* slot = nullptr;
    int result = ::sd_bus_match_signal(bus_.get(), &slot, kDestination, kPath, kManager,
                                       "JobRemoved", &EndedJobs::OnJobRemoved, &jobs_);
    slot_.reset(slot);
    BusError error;
    if (result >= 0) {
      result = ::sd_bus_call_method(bus_.get(), kDestination, kPath, kManager, "Subscribe",
                                    &error.error, nullptr, "");
    }
    return result < 0 ? Unavailable("the service manager cannot be reached") : absl::OkStatus();
  }

  absl::StatusOr<MessagePtr> NewCall(const char* method) {
    sd_bus_message* message = nullptr;
    const int result = ::sd_bus_message_new_method_call(bus_.get(), &message, kDestination, kPath,
                                                        kManager, method);
    if (result < 0) return base::ErrnoError(-result, "sd_bus_message_new_method_call");
    return MessagePtr(message);
  }

  // -errno, or 0 or more; `reply` is set then.
  int Call(const MessagePtr& call, BusError* error, MessagePtr* reply) {
    sd_bus_message* answer = nullptr;
    const int result =
        ::sd_bus_call(bus_.get(), call.get(), MicrosecondsLeft(), &error->error, &answer);
    reply->reset(answer);
    return result;
  }

  // Waits for the end of the job that `reply` names.
  absl::Status AwaitJob(const MessagePtr& reply, std::string_view what) {
    const char* path = nullptr;
    if (::sd_bus_message_read(reply.get(), "o", &path) < 0) {
      return base::InternalError(base::StrCat(what, ": systemd's answer names no job"));
    }
    while (!jobs_.results.contains(path)) {
      int result = ::sd_bus_process(bus_.get(), nullptr);
      if (result == 0) {
        const uint64_t left = MicrosecondsLeft();
        if (left <= 1) return Unavailable("the service manager did not answer in time");
        result = ::sd_bus_wait(bus_.get(), left);
      }
      if (result < 0 && result != -EINTR) {
        return Unavailable("the service manager cannot be reached");
      }
    }
    const std::string& result = jobs_.results[path];
    if (result == "done") return absl::OkStatus();
    return base::InternalError(base::StrCat(what, ": its job ended with \"", result, "\""));
  }

 private:
  // At least 1, as sd-bus takes 0 for its own default.
  uint64_t MicrosecondsLeft() const {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        deadline_ - std::chrono::steady_clock::now());
    return left.count() > 1 ? static_cast<uint64_t>(left.count()) : 1;
  }

  EndedJobs jobs_;
  BusPtr bus_;
  SlotPtr slot_;
  const Time deadline_;
};

absl::Status StopUnit(Session& session, const std::string& unit) {
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, session.NewCall("StopUnit"));
  const int appended = ::sd_bus_message_append(call.get(), "ss", unit.c_str(), "replace");
  if (appended < 0) return base::ErrnoError(-appended, "sd_bus_message_append");
  BusError error;
  MessagePtr reply;
  const int result = session.Call(call, &error, &reply);
  if (error.Is(kNoSuchUnit)) return absl::OkStatus();
  if (result < 0) return error.ToStatus(result, "StopUnit");
  return session.AwaitJob(reply, "StopUnit");
}

// ALREADY_EXISTS if the unit is there.
absl::Status StartUnit(Session& session, const FrontUnit& unit) {
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, session.NewCall("StartTransientUnit"));
  const std::string name = FrontUnitName(unit.tenant);
  int result = ::sd_bus_message_append(call.get(), "ss", name.c_str(), "replace");
  if (result < 0) return base::ErrnoError(-result, "sd_bus_message_append");
  FLATVM_RETURN_IF_ERROR(AppendUnitProperties(call.get(), FrontUnitProperties(unit)));
  result = ::sd_bus_message_append(call.get(), "a(sa(sv))", 0);  // no auxiliary units
  if (result < 0) return base::ErrnoError(-result, "sd_bus_message_append");
  BusError error;
  MessagePtr reply;
  result = session.Call(call, &error, &reply);
  if (error.Is(kUnitExists)) return absl::AlreadyExistsError("the unit is there");
  if (result < 0) return error.ToStatus(result, "StartTransientUnit");
  return session.AwaitJob(reply, base::StrCat("start of ", name));
}

}  // namespace

absl::StatusOr<BusPtr> OpenSystemBus() {
  sd_bus* bus = nullptr;
  const int result = ::sd_bus_open_system(&bus);
  if (result < 0) return Unavailable("the system bus cannot be reached");
  return BusPtr(bus);
}

absl::Status SystemdFrontLauncher::Start(const std::string& tenant, base::UniqueFd link) {
  FLATVM_ASSIGN_OR_RETURN(BusPtr bus, open_bus_());
  Session session(std::move(bus), options_.job_timeout);
  FLATVM_RETURN_IF_ERROR(session.ListenForJobs());
  const FrontUnit unit{.tenant = tenant,
                       .program = options_.program,
                       .memory_max_bytes = options_.memory_max_bytes,
                       .link = link.get()};
  absl::Status started = StartUnit(session, unit);
  if (!absl::IsAlreadyExists(started)) return started;
  FLATVM_RETURN_IF_ERROR(StopUnit(session, FrontUnitName(tenant)));
  absl::Status again = StartUnit(session, unit);
  if (absl::IsAlreadyExists(again)) {
    return base::InternalError("the front's unit is still there after it was stopped");
  }
  return again;
}

absl::Status SystemdFrontLauncher::Stop(const std::string& tenant) {
  FLATVM_ASSIGN_OR_RETURN(BusPtr bus, open_bus_());
  Session session(std::move(bus), options_.job_timeout);
  FLATVM_RETURN_IF_ERROR(session.ListenForJobs());
  return StopUnit(session, FrontUnitName(tenant));
}

absl::StatusOr<std::vector<std::string>> SystemdFrontLauncher::ListRunning() {
  FLATVM_ASSIGN_OR_RETURN(BusPtr bus, open_bus_());
  Session session(std::move(bus), options_.job_timeout);
  FLATVM_ASSIGN_OR_RETURN(const MessagePtr call, session.NewCall("ListUnitsByPatterns"));
  const int appended = ::sd_bus_message_append(call.get(), "asas", 0, 1, "flatvm-front-*.service");
  if (appended < 0) return base::ErrnoError(-appended, "sd_bus_message_append");
  BusError error;
  MessagePtr reply;
  int result = session.Call(call, &error, &reply);
  if (result < 0) return error.ToStatus(result, "ListUnitsByPatterns");

  std::vector<std::string> tenants;
  result = ::sd_bus_message_enter_container(reply.get(), 'a', "(ssssssouso)");
  while (result >= 0) {
    const char* unit = nullptr;
    const char* text = nullptr;
    uint32_t number = 0;
    result = ::sd_bus_message_read(reply.get(), "(ssssssouso)", &unit, &text, &text, &text, &text,
                                   &text, &text, &number, &text, &text);
    if (result <= 0) break;
    if (std::string tenant = TenantOfFrontUnit(unit); !tenant.empty()) {
      tenants.push_back(std::move(tenant));
    }
  }
  if (result < 0) return base::ErrnoError(-result, "systemd's list of units");
  return tenants;
}

}  // namespace flatvm::gate
