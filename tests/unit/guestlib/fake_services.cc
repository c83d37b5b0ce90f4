#include "tests/unit/guestlib/fake_services.h"

#include "flatvm/internal/rpc_status.pb.h"

namespace flatvm::guestlib {
namespace {

template <typename Handler, typename Request, typename Response>
grpc::Status Answer(const Handler& handler, const Request* request, Response* response) {
  return handler ? handler(*request, response) : grpc::Status::OK;
}

}  // namespace

grpc::Status FakeService::CreateVm(grpc::ServerContext* /*context*/,
                                   const v1::CreateVmRequest* request,
                                   v1::CreateVmResponse* response) {
  return Answer(create, request, response);
}

grpc::Status FakeService::DestroyVm(grpc::ServerContext* /*context*/,
                                    const v1::DestroyVmRequest* request,
                                    v1::DestroyVmResponse* response) {
  return Answer(destroy, request, response);
}

grpc::Status FakeService::ShowVm(grpc::ServerContext* /*context*/, const v1::ShowVmRequest* request,
                                 v1::ShowVmResponse* response) {
  return Answer(show, request, response);
}

grpc::Status FakeService::ListVms(grpc::ServerContext* /*context*/,
                                  const v1::ListVmsRequest* request,
                                  v1::ListVmsResponse* response) {
  return Answer(list, request, response);
}

grpc::Status FakeService::GetTenant(grpc::ServerContext* /*context*/,
                                    const v1::GetTenantRequest* request,
                                    v1::GetTenantResponse* response) {
  return Answer(get_tenant, request, response);
}

grpc::Status FakeVolumes::CreateVolume(grpc::ServerContext* /*context*/,
                                       const v1::CreateVolumeRequest* request,
                                       v1::CreateVolumeResponse* response) {
  return Answer(create, request, response);
}

grpc::Status FakeVolumes::AttachVolume(grpc::ServerContext* /*context*/,
                                       const v1::AttachVolumeRequest* request,
                                       v1::AttachVolumeResponse* response) {
  return Answer(attach, request, response);
}

grpc::Status FakeVolumes::DetachVolume(grpc::ServerContext* /*context*/,
                                       const v1::DetachVolumeRequest* request,
                                       v1::DetachVolumeResponse* response) {
  return Answer(detach, request, response);
}

grpc::Status FakeVolumes::ResizeVolume(grpc::ServerContext* /*context*/,
                                       const v1::ResizeVolumeRequest* request,
                                       v1::ResizeVolumeResponse* response) {
  return Answer(resize, request, response);
}

grpc::Status FakeVolumes::DeleteVolume(grpc::ServerContext* /*context*/,
                                       const v1::DeleteVolumeRequest* request,
                                       v1::DeleteVolumeResponse* response) {
  return Answer(remove, request, response);
}

grpc::Status FakeVolumes::ShowVolume(grpc::ServerContext* /*context*/,
                                     const v1::ShowVolumeRequest* request,
                                     v1::ShowVolumeResponse* response) {
  return Answer(show, request, response);
}

grpc::Status FakeVolumes::ListVolumes(grpc::ServerContext* /*context*/,
                                      const v1::ListVolumesRequest* request,
                                      v1::ListVolumesResponse* response) {
  return Answer(list, request, response);
}

grpc::Status FakeImages::BeginImport(grpc::ServerContext* /*context*/,
                                     const v1::BeginImportRequest* request,
                                     v1::BeginImportResponse* response) {
  return Answer(begin, request, response);
}

grpc::Status FakeImages::WriteImage(grpc::ServerContext* /*context*/,
                                    grpc::ServerReader<v1::WriteImageRequest>* reader,
                                    v1::WriteImageResponse* response) {
  v1::WriteImageRequest request;
  while (reader->Read(&request)) {
    const grpc::Status status = Answer(write, &request, response);
    if (!status.ok()) return status;
  }
  return grpc::Status::OK;
}

grpc::Status FakeImages::FinishImport(grpc::ServerContext* /*context*/,
                                      const v1::FinishImportRequest* request,
                                      v1::FinishImportResponse* response) {
  return Answer(finish, request, response);
}

grpc::Status FakeImages::RemoveImage(grpc::ServerContext* /*context*/,
                                     const v1::RemoveImageRequest* request,
                                     v1::RemoveImageResponse* response) {
  return Answer(remove, request, response);
}

grpc::Status FakeImages::ListImages(grpc::ServerContext* /*context*/,
                                    const v1::ListImagesRequest* request,
                                    v1::ListImagesResponse* response) {
  return Answer(list, request, response);
}

grpc::Status Failed(grpc::StatusCode code, const v1::ErrorDetail& detail,
                    const std::string& message) {
  internal::RpcStatus status;
  status.set_code(code);
  status.set_message(message);
  status.add_details()->PackFrom(detail);
  return {code, message, status.SerializeAsString()};
}

}  // namespace flatvm::guestlib
