#include "daemon/rpc/image_service.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/rpc/convert.h"
#include "daemon/rpc/convert_image.h"

namespace flatvm::rpc {
namespace {

template <typename Response>
absl::StatusOr<Response> ResponseOf(const absl::StatusOr<broker::ImageView>& view) {
  if (!view.ok()) return view.status();
  Response response;
  FillImage(*view, response.mutable_image());
  return response;
}

}  // namespace

void ImageService::AddTo(TenantCalls& calls) {
  calls.Add("BeginImport", this, &ImageService::BeginImport);
  // Thousands of them are one import.
  calls.Add("WriteImage", this, &ImageService::WriteImage, LogOf::kFailures);
  calls.Add("FinishImport", this, &ImageService::FinishImport);
  calls.Add("RemoveImage", this, &ImageService::RemoveImage);
  calls.Add("ListImages", this, &ImageService::ListImages);
}

absl::StatusOr<v1::BeginImportResponse> ImageService::BeginImport(
    const std::string& tenant, const v1::BeginImportRequest& request) {
  FLATVM_ASSIGN_OR_RETURN(const base::DiskFormat format, FormatOf(request.format()));
  return ResponseOf<v1::BeginImportResponse>(images_.Begin({.tenant = tenant,
                                                            .request_id = request.request_id(),
                                                            .mode = ModeOf(request.validate_only()),
                                                            .name = request.image(),
                                                            .format = format,
                                                            .size_bytes = request.size_bytes(),
                                                            .sha256 = request.sha256()}));
}

absl::StatusOr<v1::WriteImageResponse> ImageService::WriteImage(
    const std::string& tenant, const v1::WriteImageRequest& request) {
  FLATVM_ASSIGN_OR_RETURN(const uint64_t received_bytes,
                          images_.Write({.tenant = tenant,
                                         .image_id = request.image_id(),
                                         .offset = request.offset(),
                                         .data = request.data(),
                                         .zeros = request.zeros()}));
  v1::WriteImageResponse response;
  response.set_received_bytes(received_bytes);
  return response;
}

absl::StatusOr<v1::FinishImportResponse> ImageService::FinishImport(
    const std::string& tenant, const v1::FinishImportRequest& request) {
  return ResponseOf<v1::FinishImportResponse>(images_.Finish(
      {.tenant = tenant, .request_id = request.request_id(), .image_id = request.image_id()}));
}

absl::StatusOr<v1::RemoveImageResponse> ImageService::RemoveImage(
    const std::string& tenant, const v1::RemoveImageRequest& request) {
  return ResponseOf<v1::RemoveImageResponse>(
      images_.Remove({.tenant = tenant,
                      .request_id = request.request_id(),
                      .mode = ModeOf(request.validate_only()),
                      .image = request.image()}));
}

absl::StatusOr<v1::ListImagesResponse> ImageService::ListImages(
    const std::string& tenant, const v1::ListImagesRequest& /*request*/) {
  FLATVM_ASSIGN_OR_RETURN(const broker::ImageList list, directory_.ListImages(tenant));
  v1::ListImagesResponse response;
  for (const broker::ImageView& image : list.own) FillImage(image, response.add_images());
  for (const storage::CatalogImage& image : list.catalog) {
    FillImage(image, response.add_images());
  }
  // Of one name, the own one first: it is what a secondary gets.
  std::stable_sort(response.mutable_images()->begin(), response.mutable_images()->end(),
                   [](const v1::Image& a, const v1::Image& b) { return a.name() < b.name(); });
  return response;
}

}  // namespace flatvm::rpc
