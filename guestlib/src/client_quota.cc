// The calls that may change the quota disk, which this VM does not have mounted meanwhile.
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "guestlib/src/client_impl.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;

// Whatever became of the call, the host has plugged the quota disk in again, or is about to.
constexpr milliseconds kLeastMountTime{5'000};

}  // namespace

template <typename T>
Result<T> ClientImpl::WithoutQuotaDisk(const std::string& path, const CallOptions& options,
                                       const std::function<Result<T>()>& call) {
  const SteadyTime deadline = surroundings_.now() + TimeoutOf(options);
  Result<UnmountedQuotaDisk> disk = UnmountedQuotaDisk::Unmount(surroundings_.disks, path);
  if (!disk.ok()) return disk.error();
  Result<T> answer = call();
  const auto left = std::chrono::ceil<milliseconds>(deadline - surroundings_.now());
  std::optional<Error> unmounted = disk->MountAgain(std::max(left, kLeastMountTime));
  if (!unmounted.has_value()) return answer;
  if (answer.ok()) return std::move(*unmounted);
  Error both = answer.error();
  both.message += "; and " + unmounted->message;
  return both;
}

Result<Vm> ClientImpl::CreateVm(const VmSpec& spec, const CallOptions& call) {
  if (spec.from_quota_disk.empty() || call.validate_only) return SendCreateVm(spec, call);
  return WithoutQuotaDisk<Vm>(spec.from_quota_disk, call, [&] { return SendCreateVm(spec, call); });
}

Result<Vm> ClientImpl::DestroyVm(std::string_view name_or_id, const CallOptions& call) {
  if (!call.return_disk || call.validate_only) return SendDestroyVm(name_or_id, call);
  return WithoutQuotaDisk<Vm>("", call, [&] { return SendDestroyVm(name_or_id, call); });
}

Result<Volume> ClientImpl::CreateVolume(const VolumeSpec& spec, const CallOptions& call) {
  if (spec.from_quota_disk.empty() || call.validate_only) return SendCreateVolume(spec, call);
  return WithoutQuotaDisk<Volume>(spec.from_quota_disk, call,
                                  [&] { return SendCreateVolume(spec, call); });
}

Result<Volume> ClientImpl::DeleteVolume(std::string_view name_or_id, const CallOptions& call) {
  if (!call.return_disk || call.validate_only) return SendDeleteVolume(name_or_id, call);
  return WithoutQuotaDisk<Volume>("", call, [&] { return SendDeleteVolume(name_or_id, call); });
}

}  // namespace flatvm::guestlib
