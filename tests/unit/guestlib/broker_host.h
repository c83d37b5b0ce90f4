// A host in this process: a gRPC server that is handed connections one by one, as a tenant's front
// is, and can cut them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "flatvm/v1/secondary_vms.grpc.pb.h"
#include "grpcpp/server.h"
#include "guestlib/src/surroundings.h"

namespace flatvm::guestlib {

// Answers as its functions say. One that is not set answers with an empty message.
class FakeService final : public v1::SecondaryVms::Service {
 public:
  template <typename Request, typename Response>
  using Handler = std::function<grpc::Status(const Request&, Response*)>;

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

// A failed call as a front sends it.
grpc::Status Failed(grpc::StatusCode code, const v1::ErrorDetail& detail,
                    const std::string& message);

// Thread-safe.
class BrokerHost {
 public:
  BrokerHost();
  ~BrokerHost();
  BrokerHost(const BrokerHost&) = delete;
  BrokerHost& operator=(const BrokerHost&) = delete;

  // Set before the first call.
  FakeService service;

  // The client's end of a new connection.
  UniqueFd Connect();
  // The client's end of a connection that is closed at once.
  static UniqueFd Refuse();

  // Cuts all connections there are, as a host that goes away does.
  void Cut();

  size_t connections() const;

 private:
  std::unique_ptr<grpc::Server> server_;
  mutable std::mutex mutex_;
  std::vector<UniqueFd> ends_;  // copies of the server's
};

// A client's world: time passes only in pauses, chance always says `random`. Thread-safe.
class FakeWorld {
 public:
  // Connects by `connect`, in the order of calls; the argument counts from 0.
  Surroundings Make(std::function<ConnectResult(int attempt)> connect);

  // Lets time pass.
  void Advance(std::chrono::milliseconds time);

  std::vector<std::chrono::milliseconds> pauses() const;
  std::vector<std::chrono::milliseconds> connect_timeouts() const;
  int connects() const { return static_cast<int>(connect_timeouts().size()); }
  // Since the beginning.
  std::chrono::milliseconds elapsed() const;

  double random = 0.5;

 private:
  mutable std::mutex mutex_;
  std::chrono::milliseconds elapsed_{0};
  std::vector<std::chrono::milliseconds> pauses_;
  std::vector<std::chrono::milliseconds> connect_timeouts_;
};

}  // namespace flatvm::guestlib
