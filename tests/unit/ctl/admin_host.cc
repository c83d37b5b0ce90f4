#include "tests/unit/ctl/admin_host.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "flatvm/internal/rpc_status.pb.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_posix.h"

namespace flatvm::ctl {
namespace {

template <typename Handler, typename... Args>
grpc::Status Answer(const Handler& handler, Args&&... args) {
  return handler ? handler(std::forward<Args>(args)...) : grpc::Status::OK;
}

}  // namespace

grpc::Status ErrorAnswer(grpc::StatusCode code, const std::string& message,
                         const v1::ErrorDetail& detail) {
  internal::RpcStatus details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(detail);
  return {code, message, details.SerializeAsString()};
}

grpc::Status CannedAdmin::CreateTenant(grpc::ServerContext* /*context*/,
                                       const v1::CreateTenantRequest* request,
                                       v1::CreateTenantResponse* response) {
  return Answer(create_tenant, *request, response);
}
grpc::Status CannedAdmin::UpdateTenant(grpc::ServerContext* /*context*/,
                                       const v1::UpdateTenantRequest* request,
                                       v1::UpdateTenantResponse* response) {
  return Answer(update_tenant, *request, response);
}
grpc::Status CannedAdmin::RemoveTenant(grpc::ServerContext* /*context*/,
                                       const v1::RemoveTenantRequest* request,
                                       v1::RemoveTenantResponse* response) {
  return Answer(remove_tenant, *request, response);
}
grpc::Status CannedAdmin::AddNetwork(grpc::ServerContext* /*context*/,
                                     const v1::AddNetworkRequest* request,
                                     v1::AddNetworkResponse* response) {
  return Answer(add_network, *request, response);
}
grpc::Status CannedAdmin::RemoveNetwork(grpc::ServerContext* /*context*/,
                                        const v1::RemoveNetworkRequest* request,
                                        v1::RemoveNetworkResponse* response) {
  return Answer(remove_network, *request, response);
}
grpc::Status CannedAdmin::ListNetworks(grpc::ServerContext* /*context*/,
                                       const v1::ListNetworksRequest* request,
                                       v1::ListNetworksResponse* response) {
  return Answer(list_networks, *request, response);
}
grpc::Status CannedAdmin::ListTenants(grpc::ServerContext* /*context*/,
                                      const v1::ListTenantsRequest* /*request*/,
                                      v1::ListTenantsResponse* response) {
  return Answer(list_tenants, response);
}
grpc::Status CannedAdmin::ShowTenant(grpc::ServerContext* /*context*/,
                                     const v1::ShowTenantRequest* request,
                                     v1::ShowTenantResponse* response) {
  return Answer(show_tenant, *request, response);
}
grpc::Status CannedAdmin::ListAllVms(grpc::ServerContext* /*context*/,
                                     const v1::ListAllVmsRequest* request,
                                     v1::ListAllVmsResponse* response) {
  return Answer(list_vms, *request, response);
}
grpc::Status CannedAdmin::ListAllVolumes(grpc::ServerContext* /*context*/,
                                         const v1::ListAllVolumesRequest* request,
                                         v1::ListAllVolumesResponse* response) {
  return Answer(list_all_volumes, *request, response);
}
grpc::Status CannedAdmin::ListAllImages(grpc::ServerContext* /*context*/,
                                        const v1::ListAllImagesRequest* request,
                                        v1::ListAllImagesResponse* response) {
  return Answer(list_all_images, *request, response);
}
grpc::Status CannedAdmin::ShowAnyVm(grpc::ServerContext* /*context*/,
                                    const v1::ShowAnyVmRequest* request,
                                    v1::ShowAnyVmResponse* response) {
  return Answer(show_vm, *request, response);
}
grpc::Status CannedAdmin::DestroyAnyVm(grpc::ServerContext* /*context*/,
                                       const v1::DestroyAnyVmRequest* request,
                                       v1::DestroyAnyVmResponse* response) {
  return Answer(destroy_vm, *request, response);
}

AdminHost::AdminHost() {
  std::string pattern = testing::TempDir() + "flatvmctl_XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  directory_ = pattern;
  socket_path_ = directory_ + "/admin.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(socket_path_.begin(), socket_path_.end(), std::begin(address.sun_path));
  listener_.Reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(listener_.get(), generic, sizeof(address)) != 0) std::abort();
  if (::listen(listener_.get(), 16) != 0) std::abort();
  grpc::ServerBuilder builder;
  builder.RegisterService(&admin_);
  server_ = builder.BuildAndStart();
  acceptor_ = std::thread([this] { AcceptAll(); });
}

AdminHost::~AdminHost() {
  ::shutdown(listener_.get(), SHUT_RDWR);  // ends accept
  acceptor_.join();
  server_->Shutdown(std::chrono::system_clock::now());
  std::filesystem::remove_all(directory_);
}

void AdminHost::DropNext(int count) {
  const std::lock_guard lock(mutex_);
  drop_ = count;
}

void AdminHost::AcceptAll() {
  while (true) {
    base::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) return;
    const std::lock_guard lock(mutex_);
    if (drop_ > 0) {
      --drop_;
      continue;
    }
    grpc::AddInsecureChannelFromFd(server_.get(), fd.Release());
  }
}

}  // namespace flatvm::ctl
