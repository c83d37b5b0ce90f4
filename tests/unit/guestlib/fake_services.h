// The host's services as functions that a test sets.
#pragma once

#include <functional>
#include <string>

#include "flatvm/v1/images.grpc.pb.h"
#include "flatvm/v1/secondary_vms.grpc.pb.h"
#include "flatvm/v1/volumes.grpc.pb.h"

namespace flatvm::guestlib {

template <typename Request, typename Response>
using Handler = std::function<grpc::Status(const Request&, Response*)>;

// Answers as its functions say. One that is not set answers with an empty message.
class FakeService final : public v1::SecondaryVms::Service {
 public:
  Handler<v1::CreateVmRequest, v1::CreateVmResponse> create;
  Handler<v1::DestroyVmRequest, v1::DestroyVmResponse> destroy;
  Handler<v1::ShowVmRequest, v1::ShowVmResponse> show;
  Handler<v1::ListVmsRequest, v1::ListVmsResponse> list;
  Handler<v1::GetTenantRequest, v1::GetTenantResponse> get_tenant;

 private:
  grpc::Status CreateVm(grpc::ServerContext* context, const v1::CreateVmRequest* request,
                        v1::CreateVmResponse* response) override;
  grpc::Status DestroyVm(grpc::ServerContext* context, const v1::DestroyVmRequest* request,
                         v1::DestroyVmResponse* response) override;
  grpc::Status ShowVm(grpc::ServerContext* context, const v1::ShowVmRequest* request,
                      v1::ShowVmResponse* response) override;
  grpc::Status ListVms(grpc::ServerContext* context, const v1::ListVmsRequest* request,
                       v1::ListVmsResponse* response) override;
  grpc::Status GetTenant(grpc::ServerContext* context, const v1::GetTenantRequest* request,
                         v1::GetTenantResponse* response) override;
};

// The same for volumes.
class FakeVolumes final : public v1::Volumes::Service {
 public:
  Handler<v1::CreateVolumeRequest, v1::CreateVolumeResponse> create;
  Handler<v1::AttachVolumeRequest, v1::AttachVolumeResponse> attach;
  Handler<v1::DetachVolumeRequest, v1::DetachVolumeResponse> detach;
  Handler<v1::ResizeVolumeRequest, v1::ResizeVolumeResponse> resize;
  Handler<v1::DeleteVolumeRequest, v1::DeleteVolumeResponse> remove;
  Handler<v1::ShowVolumeRequest, v1::ShowVolumeResponse> show;
  Handler<v1::ListVolumesRequest, v1::ListVolumesResponse> list;

 private:
  grpc::Status CreateVolume(grpc::ServerContext* context, const v1::CreateVolumeRequest* request,
                            v1::CreateVolumeResponse* response) override;
  grpc::Status AttachVolume(grpc::ServerContext* context, const v1::AttachVolumeRequest* request,
                            v1::AttachVolumeResponse* response) override;
  grpc::Status DetachVolume(grpc::ServerContext* context, const v1::DetachVolumeRequest* request,
                            v1::DetachVolumeResponse* response) override;
  grpc::Status ResizeVolume(grpc::ServerContext* context, const v1::ResizeVolumeRequest* request,
                            v1::ResizeVolumeResponse* response) override;
  grpc::Status DeleteVolume(grpc::ServerContext* context, const v1::DeleteVolumeRequest* request,
                            v1::DeleteVolumeResponse* response) override;
  grpc::Status ShowVolume(grpc::ServerContext* context, const v1::ShowVolumeRequest* request,
                          v1::ShowVolumeResponse* response) override;
  grpc::Status ListVolumes(grpc::ServerContext* context, const v1::ListVolumesRequest* request,
                           v1::ListVolumesResponse* response) override;
};

// The same for images; a message of a stream is asked like a call, and the last answer is the
// stream's.
class FakeImages final : public v1::Images::Service {
 public:
  Handler<v1::BeginImportRequest, v1::BeginImportResponse> begin;
  Handler<v1::WriteImageRequest, v1::WriteImageResponse> write;
  Handler<v1::FinishImportRequest, v1::FinishImportResponse> finish;
  Handler<v1::RemoveImageRequest, v1::RemoveImageResponse> remove;
  Handler<v1::ListImagesRequest, v1::ListImagesResponse> list;

 private:
  grpc::Status BeginImport(grpc::ServerContext* context, const v1::BeginImportRequest* request,
                           v1::BeginImportResponse* response) override;
  grpc::Status WriteImage(grpc::ServerContext* context,
                          grpc::ServerReader<v1::WriteImageRequest>* reader,
                          v1::WriteImageResponse* response) override;
  grpc::Status FinishImport(grpc::ServerContext* context, const v1::FinishImportRequest* request,
                            v1::FinishImportResponse* response) override;
  grpc::Status RemoveImage(grpc::ServerContext* context, const v1::RemoveImageRequest* request,
                           v1::RemoveImageResponse* response) override;
  grpc::Status ListImages(grpc::ServerContext* context, const v1::ListImagesRequest* request,
                          v1::ListImagesResponse* response) override;
};

// A failed call as a front sends it.
grpc::Status Failed(grpc::StatusCode code, const v1::ErrorDetail& detail,
                    const std::string& message);

}  // namespace flatvm::guestlib
