// Volumes on the daemon's side. Translates and calls the broker, which decides.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/broker/directory.h"
#include "daemon/broker/volume_lifecycle.h"
#include "daemon/rpc/tenant_calls.h"
#include "flatvm/v1/volumes.pb.h"

namespace flatvm::rpc {

// Thread-safe; a call blocks for as long as the broker does.
class VolumeService {
 public:
  VolumeService(broker::VolumeLifecycle& volumes, broker::Directory& directory)
      : volumes_(volumes), directory_(directory) {}

  // Serves its methods there; this outlives `calls`.
  void AddTo(TenantCalls& calls);

 private:
  absl::StatusOr<v1::CreateVolumeResponse> CreateVolume(const std::string& tenant,
                                                        const v1::CreateVolumeRequest& request);
  absl::StatusOr<v1::AttachVolumeResponse> AttachVolume(const std::string& tenant,
                                                        const v1::AttachVolumeRequest& request);
  absl::StatusOr<v1::DetachVolumeResponse> DetachVolume(const std::string& tenant,
                                                        const v1::DetachVolumeRequest& request);
  absl::StatusOr<v1::ResizeVolumeResponse> ResizeVolume(const std::string& tenant,
                                                        const v1::ResizeVolumeRequest& request);
  absl::StatusOr<v1::DeleteVolumeResponse> DeleteVolume(const std::string& tenant,
                                                        const v1::DeleteVolumeRequest& request);
  absl::StatusOr<v1::ShowVolumeResponse> ShowVolume(const std::string& tenant,
                                                    const v1::ShowVolumeRequest& request);
  absl::StatusOr<v1::ListVolumesResponse> ListVolumes(const std::string& tenant,
                                                      const v1::ListVolumesRequest& request);

  broker::VolumeLifecycle& volumes_;
  broker::Directory& directory_;
};

}  // namespace flatvm::rpc
