// A flatvmd for flatvmctl's tests: serves flatvm.v1.Admin on a unix socket with canned answers, and
// can drop connections as a restarting daemon does.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "flatvm/v1/admin.grpc.pb.h"
#include "grpcpp/server.h"

namespace flatvm::ctl {

// A failed call as flatvmd answers it.
grpc::Status ErrorAnswer(grpc::StatusCode code, const std::string& message,
                         const v1::ErrorDetail& detail);

// Canned answers; a handler that is not set answers OK and nothing.
class CannedAdmin final : public v1::Admin::Service {
 public:
  std::function<grpc::Status(const v1::CreateTenantRequest&, v1::CreateTenantResponse*)>
      create_tenant;
  std::function<grpc::Status(const v1::UpdateTenantRequest&, v1::UpdateTenantResponse*)>
      update_tenant;
  std::function<grpc::Status(const v1::RemoveTenantRequest&, v1::RemoveTenantResponse*)>
      remove_tenant;
  std::function<grpc::Status(const v1::AddNetworkRequest&, v1::AddNetworkResponse*)> add_network;
  std::function<grpc::Status(const v1::RemoveNetworkRequest&, v1::RemoveNetworkResponse*)>
      remove_network;
  std::function<grpc::Status(const v1::ListNetworksRequest&, v1::ListNetworksResponse*)>
      list_networks;
  std::function<grpc::Status(v1::ListTenantsResponse*)> list_tenants;
  std::function<grpc::Status(const v1::ShowTenantRequest&, v1::ShowTenantResponse*)> show_tenant;
  std::function<grpc::Status(const v1::ListAllVmsRequest&, v1::ListAllVmsResponse*)> list_vms;
  std::function<grpc::Status(const v1::ListAllVolumesRequest&, v1::ListAllVolumesResponse*)>
      list_all_volumes;
  std::function<grpc::Status(const v1::ListAllImagesRequest&, v1::ListAllImagesResponse*)>
      list_all_images;
  std::function<grpc::Status(const v1::ShowAnyVmRequest&, v1::ShowAnyVmResponse*)> show_vm;
  std::function<grpc::Status(const v1::DestroyAnyVmRequest&, v1::DestroyAnyVmResponse*)> destroy_vm;

  grpc::Status CreateTenant(grpc::ServerContext* context, const v1::CreateTenantRequest* request,
                            v1::CreateTenantResponse* response) override;
  grpc::Status UpdateTenant(grpc::ServerContext* context, const v1::UpdateTenantRequest* request,
                            v1::UpdateTenantResponse* response) override;
  grpc::Status RemoveTenant(grpc::ServerContext* context, const v1::RemoveTenantRequest* request,
                            v1::RemoveTenantResponse* response) override;
  grpc::Status AddNetwork(grpc::ServerContext* context, const v1::AddNetworkRequest* request,
                          v1::AddNetworkResponse* response) override;
  grpc::Status RemoveNetwork(grpc::ServerContext* context, const v1::RemoveNetworkRequest* request,
                             v1::RemoveNetworkResponse* response) override;
  grpc::Status ListNetworks(grpc::ServerContext* context, const v1::ListNetworksRequest* request,
                            v1::ListNetworksResponse* response) override;
  grpc::Status ListTenants(grpc::ServerContext* context, const v1::ListTenantsRequest* request,
                           v1::ListTenantsResponse* response) override;
  grpc::Status ShowTenant(grpc::ServerContext* context, const v1::ShowTenantRequest* request,
                          v1::ShowTenantResponse* response) override;
  grpc::Status ListAllVms(grpc::ServerContext* context, const v1::ListAllVmsRequest* request,
                          v1::ListAllVmsResponse* response) override;
  grpc::Status ListAllVolumes(grpc::ServerContext* context,
                              const v1::ListAllVolumesRequest* request,
                              v1::ListAllVolumesResponse* response) override;
  grpc::Status ListAllImages(grpc::ServerContext* context, const v1::ListAllImagesRequest* request,
                             v1::ListAllImagesResponse* response) override;
  grpc::Status ShowAnyVm(grpc::ServerContext* context, const v1::ShowAnyVmRequest* request,
                         v1::ShowAnyVmResponse* response) override;
  grpc::Status DestroyAnyVm(grpc::ServerContext* context, const v1::DestroyAnyVmRequest* request,
                            v1::DestroyAnyVmResponse* response) override;
};

// Listens in a directory of its own. Thread-compatible.
class AdminHost {
 public:
  AdminHost();
  ~AdminHost();
  AdminHost(const AdminHost&) = delete;
  AdminHost& operator=(const AdminHost&) = delete;

  CannedAdmin& admin() { return admin_; }
  const std::string& socket_path() const { return socket_path_; }

  // The next `count` connections are closed unanswered.
  void DropNext(int count);

 private:
  void AcceptAll();

  std::string directory_;
  std::string socket_path_;
  base::UniqueFd listener_;
  CannedAdmin admin_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;  // guards drop_
  int drop_ = 0;
  std::thread acceptor_;
};

}  // namespace flatvm::ctl
