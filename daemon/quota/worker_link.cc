#include "daemon/quota/worker_link.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "daemon/base/error.h"
#include "daemon/base/packet_socket.h"
#include "daemon/base/str_cat.h"

namespace flatvm::quota {
namespace {

constexpr size_t kMaxText = 300;
// Less than a worker's patience, which is ten minutes.
constexpr std::chrono::minutes kReadyFor{8};

absl::Status Gone() {
  return base::MakeError(absl::StatusCode::kUnavailable, base::Reason::kServiceManagerUnavailable,
                         "the worker on the quota disk ended; try again later");
}

absl::Status SetOwner(int file, uint32_t user) {
  if (::fchown(file, user, 0) == 0) return absl::OkStatus();
  return base::ErrnoError(errno, "fchown of a quota worker's file");
}

struct KnownError {
  absl::StatusCode code;
  base::Reason reason;
};
constexpr std::array kKnown = {
    KnownError{absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaDiskUnusable},
    KnownError{absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaDiskFull},
    KnownError{absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaPathUnusable},
    KnownError{absl::StatusCode::kFailedPrecondition, base::Reason::kImageUnusable},
    KnownError{absl::StatusCode::kNotFound, base::Reason::kImageNotFound},
    KnownError{absl::StatusCode::kInvalidArgument, base::Reason::kFieldMalformed},
    KnownError{absl::StatusCode::kDeadlineExceeded, base::Reason::kStageTimedOut}};

}  // namespace

absl::Status StatusOf(const internal::FromQuotaWorker& answer) {
  if (answer.code() == 0) return absl::OkStatus();
  const std::string text = base::EscapeForLog(answer.message(), kMaxText);
  for (const KnownError& known : kKnown) {
    if (answer.code() != static_cast<int>(known.code)) continue;
    if (answer.reason() != static_cast<int>(known.reason)) continue;
    const bool field = known.code == absl::StatusCode::kInvalidArgument;
    return base::MakeError(
        known.code,
        base::ErrorInfo{.reason = known.reason, .field = field ? "from_quota_disk" : ""}, text);
  }
  return base::InternalError(base::StrCat("the quota worker failed: ", text));
}

absl::StatusOr<std::unique_ptr<WorkerLink>> WorkerLink::Start(const systemd::BusOpener& open_bus,
                                                              WorkerUnit worker,
                                                              std::chrono::milliseconds timeout,
                                                              base::Logger& log) {
  std::unique_ptr<WorkerLink> link(new WorkerLink(open_bus, worker.tenant, timeout, log));
  FLATVM_ASSIGN_OR_RETURN(base::PacketPair pair, base::MakePacketPair());
  // Closed when it has started: what systemd tells us would pile up in a worker's long life.
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus, systemd::Bus::Open(open_bus));
  link->socket_ = std::move(pair.ours);
  worker.link = pair.theirs.get();
  const std::string unit = WorkerUnitName(worker.tenant);
  FLATVM_RETURN_IF_ERROR(bus->ReplaceTransientUnit(unit, WorkerUnitProperties(worker)));
  FLATVM_ASSIGN_OR_RETURN(link->user_, bus->GetServiceUser(unit));
  link->started_at_ = std::chrono::steady_clock::now();
  return link;
}

absl::Status WorkerLink::EnsureBus() {
  if (bus_ != nullptr) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(std::unique_ptr<systemd::Bus> bus, systemd::Bus::Open(open_bus_));
  FLATVM_RETURN_IF_ERROR(bus->SubscribeToJobs());
  bus_ = std::move(bus);
  return absl::OkStatus();
}

WorkerLink::~WorkerLink() {
  if (!socket_.valid()) return;
  socket_.Reset();
  absl::Status status = EnsureBus();
  if (status.ok()) status = bus_->StopUnit(WorkerUnitName(tenant_));
  if (status.ok()) return;
  log_.Log(base::LogLevel::kWarning,
           base::StrCat("stopping a quota worker failed: ", base::Message(status), ", ignoring"),
           base::LogFields{.tenant = tenant_});
}

bool WorkerLink::IsReady() const {
  pollfd end{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&end, 1, 0) == 0 && std::chrono::steady_clock::now() - started_at_ < kReadyFor;
}

absl::Status WorkerLink::Lend(int file) const { return SetOwner(file, user_); }
absl::Status WorkerLink::TakeBack(int file) const { return SetOwner(file, 0); }

absl::Status WorkerLink::Send(const internal::ToQuotaWorker& message, int file) {
  // A job's few packets fit into the socket.
  const base::SendResult result =
      base::SendPacket(socket_.get(), message.SerializeAsString(), file);
  if (result != base::SendResult::kSent) return Gone();
  // While the worker works; if it fails, the stop tries again.
  (void)EnsureBus();
  return absl::OkStatus();
}

absl::StatusOr<internal::FromQuotaWorker> WorkerLink::Receive() {
  pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, static_cast<int>(timeout_.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    return base::MakeError(
        absl::StatusCode::kDeadlineExceeded, base::Reason::kStageTimedOut,
        base::StrCat("the worker on the quota disk did not end within ", timeout_.count(), " ms"));
  }
  base::Packet packet;
  internal::FromQuotaWorker answer;
  if (ready < 0 ||
      base::ReceivePacket(socket_.get(), base::Descriptors::kRefuse, &packet) !=
          base::ReceiveResult::kPacket ||
      !answer.ParseFromString(packet.bytes) || !answer.has_code()) {
    return Gone();
  }
  FLATVM_RETURN_IF_ERROR(StatusOf(answer));
  return answer;
}

}  // namespace flatvm::quota
