#include "daemon/rpc/volume_service.h"

#include "daemon/base/error.h"
#include "daemon/rpc/convert.h"

namespace flatvm::rpc {
namespace {

template <typename Request>
broker::VolumeOrder OrderOf(const std::string& tenant, const Request& request) {
  return {.tenant = tenant,
          .request_id = request.request_id(),
          .mode = ModeOf(request.validate_only()),
          .volume = request.volume()};
}

// The answer of every method but ListVolumes.
template <typename Response>
absl::StatusOr<Response> ResponseOf(const absl::StatusOr<broker::VolumeView>& view) {
  if (!view.ok()) return view.status();
  Response response;
  FillVolume(*view, response.mutable_volume());
  return response;
}

}  // namespace

void VolumeService::AddTo(TenantCalls& calls) {
  calls.Add("CreateVolume", this, &VolumeService::CreateVolume);
  calls.Add("AttachVolume", this, &VolumeService::AttachVolume);
  calls.Add("DetachVolume", this, &VolumeService::DetachVolume);
  calls.Add("ResizeVolume", this, &VolumeService::ResizeVolume);
  calls.Add("DeleteVolume", this, &VolumeService::DeleteVolume);
  calls.Add("ShowVolume", this, &VolumeService::ShowVolume);
  calls.Add("ListVolumes", this, &VolumeService::ListVolumes);
}

absl::StatusOr<v1::CreateVolumeResponse> VolumeService::CreateVolume(
    const std::string& tenant, const v1::CreateVolumeRequest& request) {
  return ResponseOf<v1::CreateVolumeResponse>(
      volumes_.Create({.tenant = tenant,
                       .request_id = request.request_id(),
                       .mode = ModeOf(request.validate_only()),
                       .name = request.name(),
                       .size_mib = request.size_mib(),
                       .clone_of = request.clone_of(),
                       .quota_path = request.from_quota_disk()}));
}

absl::StatusOr<v1::AttachVolumeResponse> VolumeService::AttachVolume(
    const std::string& tenant, const v1::AttachVolumeRequest& request) {
  return ResponseOf<v1::AttachVolumeResponse>(volumes_.Attach(OrderOf(tenant, request)));
}

absl::StatusOr<v1::DetachVolumeResponse> VolumeService::DetachVolume(
    const std::string& tenant, const v1::DetachVolumeRequest& request) {
  return ResponseOf<v1::DetachVolumeResponse>(volumes_.Detach(OrderOf(tenant, request)));
}

absl::StatusOr<v1::ResizeVolumeResponse> VolumeService::ResizeVolume(
    const std::string& tenant, const v1::ResizeVolumeRequest& request) {
  return ResponseOf<v1::ResizeVolumeResponse>(
      volumes_.Resize({.tenant = tenant,
                       .request_id = request.request_id(),
                       .mode = ModeOf(request.validate_only()),
                       .volume = request.volume(),
                       .size_mib = request.size_mib()}));
}

absl::StatusOr<v1::DeleteVolumeResponse> VolumeService::DeleteVolume(
    const std::string& tenant, const v1::DeleteVolumeRequest& request) {
  broker::VolumeOrder order = OrderOf(tenant, request);
  order.fate = FateOf(request.return_disk());
  return ResponseOf<v1::DeleteVolumeResponse>(volumes_.Delete(order));
}

absl::StatusOr<v1::ShowVolumeResponse> VolumeService::ShowVolume(
    const std::string& tenant, const v1::ShowVolumeRequest& request) {
  return ResponseOf<v1::ShowVolumeResponse>(directory_.GetVolume(tenant, request.volume()));
}

absl::StatusOr<v1::ListVolumesResponse> VolumeService::ListVolumes(
    const std::string& tenant, const v1::ListVolumesRequest& /*request*/) {
  FLATVM_ASSIGN_OR_RETURN(const std::vector<broker::VolumeView> volumes,
                          directory_.ListVolumes(tenant));
  v1::ListVolumesResponse response;
  for (const broker::VolumeView& volume : volumes) FillVolume(volume, response.add_volumes());
  return response;
}

}  // namespace flatvm::rpc
