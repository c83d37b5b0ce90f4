// The calls of the service Volumes, and the wait for what udev does after them.
#include <algorithm>
#include <optional>
#include <utility>

#include "guestlib/src/client_impl.h"
#include "guestlib/src/convert.h"
#include "guestlib/src/decode_error.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using Stub = v1::Volumes::Stub;

// udev takes tens of milliseconds; a look costs next to nothing.
constexpr milliseconds kDevicePause{20};

template <typename Response>
Result<Volume> Answer(CallOutcome outcome, const Response& response) {
  if (outcome.error.has_value()) return std::move(*outcome.error);
  return FromWire(response.volume());
}

// Waits until the device of an attached volume is there, for what is left of `timeout` at
// `deadline`. nullopt: it is.
std::optional<Error> AwaitDevice(const Volume& volume, const Surroundings& surroundings,
                                 SteadyTime deadline, milliseconds timeout) {
  const std::string path = DevicePath(volume);
  if (path.empty()) {
    return Error{.code = Code::kInternal,
                 .reason = Reason::kInternalError,
                 .message = "the host did not say which device of this VM the volume is"};
  }
  while (!surroundings.exists(path)) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - surroundings.now());
    if (left.count() <= 0) {
      return Error{.code = Code::kDeadlineExceeded,
                   .reason = Reason::kStageTimedOut,
                   .message = "the host has plugged the volume in, but " + path +
                              " did not appear in this VM within " + DurationText(timeout) +
                              "; is udev running?"};
    }
    surroundings.sleep(std::min(kDevicePause, left));
  }
  return std::nullopt;
}

}  // namespace

Result<Volume> ClientImpl::SendCreateVolume(const VolumeSpec& spec, const CallOptions& call) {
  auto request = ChangeRequest<v1::CreateVolumeRequest>(call);
  request.set_name(spec.name);
  request.set_size_mib(spec.size_mib);
  request.set_clone_of(spec.clone_of);
  request.set_from_quota_disk(spec.from_quota_disk);
  v1::CreateVolumeResponse response;
  return Answer(Call(&Stub::CreateVolume, request, &response, call), response);
}

Result<Volume> ClientImpl::AttachVolume(std::string_view name_or_id, const CallOptions& call) {
  const milliseconds timeout = TimeoutOf(call);
  const SteadyTime deadline = surroundings_.now() + timeout;
  auto request = ChangeRequest<v1::AttachVolumeRequest>(call);
  request.set_volume(std::string(name_or_id));
  v1::AttachVolumeResponse response;
  Result<Volume> volume = Answer(Call(&Stub::AttachVolume, request, &response, call), response);
  if (!volume.ok() || call.validate_only || !call.wait_for_device) return volume;
  std::optional<Error> absent = AwaitDevice(*volume, surroundings_, deadline, timeout);
  if (absent.has_value()) return std::move(*absent);
  return volume;
}

Result<Volume> ClientImpl::DetachVolume(std::string_view name_or_id, const CallOptions& call) {
  auto request = ChangeRequest<v1::DetachVolumeRequest>(call);
  request.set_volume(std::string(name_or_id));
  v1::DetachVolumeResponse response;
  return Answer(Call(&Stub::DetachVolume, request, &response, call), response);
}

Result<Volume> ClientImpl::ResizeVolume(std::string_view name_or_id, uint32_t size_mib,
                                        const CallOptions& call) {
  auto request = ChangeRequest<v1::ResizeVolumeRequest>(call);
  request.set_volume(std::string(name_or_id));
  request.set_size_mib(size_mib);
  v1::ResizeVolumeResponse response;
  return Answer(Call(&Stub::ResizeVolume, request, &response, call), response);
}

Result<Volume> ClientImpl::SendDeleteVolume(std::string_view name_or_id, const CallOptions& call) {
  auto request = ChangeRequest<v1::DeleteVolumeRequest>(call);
  request.set_volume(std::string(name_or_id));
  request.set_return_disk(call.return_disk);
  v1::DeleteVolumeResponse response;
  CallOutcome outcome = Call(&Stub::DeleteVolume, request, &response, call);
  if (outcome.error.has_value() && DoneBefore(outcome, Reason::kVolumeNotFound, call)) {
    return OnlyReference<Volume>(name_or_id);
  }
  return Answer(std::move(outcome), response);
}

Result<Volume> ClientImpl::ShowVolume(std::string_view name_or_id, const CallOptions& call) {
  v1::ShowVolumeRequest request;
  request.set_volume(std::string(name_or_id));
  v1::ShowVolumeResponse response;
  return Answer(Call(&Stub::ShowVolume, request, &response, call), response);
}

Result<std::vector<Volume>> ClientImpl::ListVolumes(const CallOptions& call) {
  v1::ListVolumesResponse response;
  CallOutcome outcome = Call(&Stub::ListVolumes, v1::ListVolumesRequest(), &response, call);
  if (outcome.error.has_value()) return std::move(*outcome.error);
  std::vector<Volume> volumes;
  for (const v1::Volume& volume : response.volumes()) volumes.push_back(FromWire(volume));
  return volumes;
}

}  // namespace flatvm::guestlib
