// What Client hides: its calls on the protocol's messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "flatvm/client.h"
#include "guestlib/src/broker_channel.h"
#include "guestlib/src/call_loop.h"
#include "guestlib/src/surroundings.h"

namespace flatvm::guestlib {

// Client's contract. Thread-safe.
class ClientImpl {
 public:
  ClientImpl(const ClientOptions& options, Surroundings surroundings)
      : options_(options),
        surroundings_(std::move(surroundings)),
        channel_(surroundings_, options_.connect_timeout) {}
  ClientImpl(const ClientImpl&) = delete;
  ClientImpl& operator=(const ClientImpl&) = delete;

  // A Client with surroundings of the caller's choice.
  static Client MakeClient(const ClientOptions& options, Surroundings surroundings);

  Result<Vm> CreateVm(const VmSpec& spec, const CallOptions& call);
  Result<Vm> DestroyVm(std::string_view name_or_id, const CallOptions& call);
  Result<Vm> ShowVm(std::string_view name_or_id, const CallOptions& call);
  Result<std::vector<Vm>> ListVms(const CallOptions& call);
  Result<Tenant> GetTenant(const CallOptions& call);

 private:
  template <typename Request, typename Response>
  CallOutcome Call(grpc::Status (v1::SecondaryVms::Stub::*method)(grpc::ClientContext*,
                                                                  const Request&, Response*),
                   const Request& request, Response* response, const CallOptions& options);
  std::chrono::milliseconds TimeoutOf(const CallOptions& call) const;

  const ClientOptions options_;
  const Surroundings surroundings_;
  BrokerChannel channel_;
};

}  // namespace flatvm::guestlib
