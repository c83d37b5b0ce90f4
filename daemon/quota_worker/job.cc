#include "daemon/quota_worker/job.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/quota_worker/image_entry.h"
#include "daemon/quota_worker/image_exit.h"

namespace flatvm::quota_worker {
namespace {

constexpr size_t kExtentsInPacket = 1000;

ImageWay WayOf(internal::ImageWay way) {
  switch (way) {
    case internal::IMAGE_SHARE:
      return ImageWay::kShare;
    case internal::IMAGE_LEAVE:
      return ImageWay::kLeave;
    default:
      return ImageWay::kCopy;
  }
}

}  // namespace

absl::StatusOr<Job::Order> Job::Receive() {
  pollfd waiting{.fd = link_.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, static_cast<int>(patience_.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return base::ErrnoError(errno, "poll");
  if (ready == 0) return absl::DeadlineExceededError("flatvmd says nothing");
  base::Packet packet;
  const base::ReceiveResult result =
      base::ReceivePacket(link_.get(), base::Descriptors::kAllowOne, &packet);
  if (result == base::ReceiveResult::kClosed) return absl::CancelledError("flatvmd is gone");
  Order order{.message = {}, .file = std::move(packet.descriptor)};
  if (result != base::ReceiveResult::kPacket || !order.message.ParseFromString(packet.bytes) ||
      !order.file.valid()) {
    return base::InternalError("the link to flatvmd is broken");
  }
  return order;
}

absl::Status Job::Answer(const internal::FromQuotaWorker& answer) {
  // flatvmd reads all the time: what its socket holds is as much as a large image needs.
  pollfd waiting{.fd = link_.get(), .events = POLLOUT, .revents = 0};
  const std::string bytes = answer.SerializeAsString();
  base::SendResult result = base::SendPacket(link_.get(), bytes);
  while (result == base::SendResult::kWouldBlock &&
         ::poll(&waiting, 1, static_cast<int>(patience_.count())) > 0) {
    result = base::SendPacket(link_.get(), bytes);
  }
  return result == base::SendResult::kSent ? absl::OkStatus()
                                           : base::InternalError("flatvmd takes no answer");
}

absl::Status Job::Answer(const absl::Status& status) {
  internal::FromQuotaWorker answer;
  answer.set_code(static_cast<int>(status.code()));
  answer.set_reason(static_cast<int>(base::GetErrorInfo(status).reason));
  answer.set_message(std::string(status.message()));
  return Answer(answer);
}

absl::Status Job::Extract(const std::string& path, int disk) {
  steps_.Pass("worker.out.asked");
  const absl::StatusOr<extfs::Image> found = FindRawImage(disk, path);
  if (!found.ok()) return Answer(found.status());
  size_t sent = 0;
  do {
    internal::FromQuotaWorker answer;
    answer.set_code(0);
    answer.set_image_bytes(found->bytes);
    const size_t end = std::min(found->extents.size(), sent + kExtentsInPacket);
    for (; sent < end; ++sent) {
      internal::FoundExtent* extent = answer.add_extents();
      extent->set_file_offset(found->extents[sent].file_offset);
      extent->set_disk_offset(found->extents[sent].disk_offset);
      extent->set_length(found->extents[sent].length);
    }
    answer.set_more(sent < found->extents.size());
    FLATVM_RETURN_IF_ERROR(Answer(answer));
  } while (sent < found->extents.size());

  steps_.Pass("worker.out.found");

  FLATVM_ASSIGN_OR_RETURN(const Order take, Receive());
  FLATVM_ASSIGN_OR_RETURN(const Order new_disk, Receive());
  if (!take.message.has_take_image() || !new_disk.message.has_new_disk()) {
    return base::InternalError("flatvmd says what was not its turn");
  }
  const internal::TakeImage& order = take.message.take_image();
  return Answer(TakeImageOut({.disk = disk,
                              .path = path,
                              .way = WayOf(order.way()),
                              .image = take.file.get(),
                              .new_disk = new_disk.file.get(),
                              .new_disk_mib = order.new_disk_mib()},
                             *found, tools_, steps_));
}

absl::Status Job::Return(const internal::FindPlace& place, int disk) {
  steps_.Pass("worker.back.asked");
  const absl::Status found =
      CheckEntry(disk, place.path(), place.data_bytes(), place.new_disk_mib());
  FLATVM_RETURN_IF_ERROR(Answer(found));
  if (!found.ok()) return absl::OkStatus();
  steps_.Pass("worker.back.found");
  FLATVM_ASSIGN_OR_RETURN(const Order put, Receive());
  FLATVM_ASSIGN_OR_RETURN(const Order new_disk, Receive());
  if (!put.message.has_put_image() || !new_disk.message.has_new_disk()) {
    return base::InternalError("flatvmd says what was not its turn");
  }
  return Answer(PutImageBack({.disk = disk,
                              .path = place.path(),
                              .way = WayOf(put.message.put_image().way()),
                              .image = put.file.get(),
                              .new_disk = new_disk.file.get(),
                              .new_disk_mib = put.message.put_image().new_disk_mib()},
                             tools_, steps_));
}

absl::Status Job::Run() {
  const absl::StatusOr<Order> order = Receive();
  absl::Status status = order.status();
  if (order.ok() && order->message.has_format()) {
    status = Answer(tools_.Format(order->file.get()));
  } else if (order.ok() && order->message.has_find_image()) {
    status = Extract(order->message.find_image().path(), order->file.get());
  } else if (order.ok() && order->message.has_find_place()) {
    status = Return(order->message.find_place(), order->file.get());
  } else if (order.ok()) {
    status = base::InternalError("flatvmd asks for what this version does not know");
  }
  // It was kept ready, and nobody needed it.
  if (absl::IsDeadlineExceeded(order.status())) return absl::OkStatus();
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

}  // namespace flatvm::quota_worker
