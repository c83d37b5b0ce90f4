// Images on the daemon's side. Translates and calls the broker, which decides.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/broker/directory.h"
#include "daemon/broker/image_lifecycle.h"
#include "daemon/rpc/tenant_calls.h"
#include "flatvm/v1/images.pb.h"

namespace flatvm::rpc {

// Thread-safe; a call blocks for as long as the broker does.
class ImageService {
 public:
  ImageService(broker::ImageLifecycle& images, broker::Directory& directory)
      : images_(images), directory_(directory) {}

  // Serves its methods there; this outlives `calls`. A message of WriteImage's stream is a call.
  void AddTo(TenantCalls& calls);

 private:
  absl::StatusOr<v1::BeginImportResponse> BeginImport(const std::string& tenant,
                                                      const v1::BeginImportRequest& request);
  absl::StatusOr<v1::WriteImageResponse> WriteImage(const std::string& tenant,
                                                    const v1::WriteImageRequest& request);
  absl::StatusOr<v1::FinishImportResponse> FinishImport(const std::string& tenant,
                                                        const v1::FinishImportRequest& request);
  absl::StatusOr<v1::RemoveImageResponse> RemoveImage(const std::string& tenant,
                                                      const v1::RemoveImageRequest& request);
  absl::StatusOr<v1::ListImagesResponse> ListImages(const std::string& tenant,
                                                    const v1::ListImagesRequest& request);

  broker::ImageLifecycle& images_;
  broker::Directory& directory_;
};

}  // namespace flatvm::rpc
