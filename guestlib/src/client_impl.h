// What Client hides: its calls on the protocol's messages.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
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

  // client_quota.cc has CreateVm, DestroyVm, CreateVolume and DeleteVolume, client_volumes.cc
  // these:
  Result<Volume> CreateVolume(const VolumeSpec& spec, const CallOptions& call);
  Result<Volume> AttachVolume(std::string_view name_or_id, const CallOptions& call);
  Result<Volume> DetachVolume(std::string_view name_or_id, const CallOptions& call);
  Result<Volume> ResizeVolume(std::string_view name_or_id, uint32_t size_mib,
                              const CallOptions& call);
  Result<Volume> DeleteVolume(std::string_view name_or_id, const CallOptions& call);
  Result<Volume> ShowVolume(std::string_view name_or_id, const CallOptions& call);
  Result<std::vector<Volume>> ListVolumes(const CallOptions& call);

  // client_images.cc
  Result<Image> ImportImage(const ImportSpec& spec, const CallOptions& call);
  Result<Image> RemoveImage(std::string_view name_or_id, const CallOptions& call);
  Result<std::vector<Image>> ListImages(const CallOptions& call);

 private:
  class Transfer;

  Result<Image> FinishImport(const Image& image, const CallOptions& call);

  // Makes one call of a service, repeating it as CallLoop does.
  template <typename Stub, typename Request, typename Response>
  CallOutcome Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                   const Request& request, Response* response, const CallOptions& options) {
    CallLoop loop(channel_, surroundings_, options_.retry);
    return loop.Run(
        [&](const Connection& connection, grpc::ClientContext* context) {
          response->Clear();
          return (StubOf<Stub>(connection).*method)(context, request, response);
        },
        TimeoutOf(options));
  }

  template <typename Stub>
  static Stub& StubOf(const Connection& connection) {
    if constexpr (std::is_same_v<Stub, v1::Volumes::Stub>) {
      return *connection.volumes;
    } else if constexpr (std::is_same_v<Stub, v1::Images::Stub>) {
      return *connection.images;
    } else {
      return *connection.vms;
    }
  }

  // What every request for a change has.
  template <typename Request>
  static Request ChangeRequest(const CallOptions& call) {
    Request request;
    request.set_request_id(RequestIdOf(call));
    request.set_validate_only(call.validate_only);
    return request;
  }

  // Whether a removal that found nothing was done by an earlier attempt of the same call: the
  // host's memory of answered requests does not outlive its daemon (secondary_vms.proto).
  static bool DoneBefore(const CallOutcome& outcome, Reason not_found, const CallOptions& call) {
    return outcome.sent > 1 && !call.validate_only && outcome.error->code == Code::kNotFound &&
           outcome.error->reason == not_found;
  }

  // A Vm, Volume or Image of which nothing is known but what the caller called it by.
  template <typename T>
  static T OnlyReference(std::string_view name_or_id) {
    T known;
    (LooksLikeId(name_or_id) ? known.id : known.name) = name_or_id;
    return known;
  }

  // `call`, made while no mount of this VM has the quota disk; afterwards it is mounted again, for
  // what is left of the call's time. `path`: UnmountedQuotaDisk::Unmount. (client_quota.cc)
  template <typename T>
  Result<T> WithoutQuotaDisk(const std::string& path, const CallOptions& options,
                             const std::function<Result<T>()>& call);

  // The calls themselves.
  Result<Vm> SendCreateVm(const VmSpec& spec, const CallOptions& call);
  Result<Vm> SendDestroyVm(std::string_view name_or_id, const CallOptions& call);
  Result<Volume> SendCreateVolume(const VolumeSpec& spec, const CallOptions& call);
  Result<Volume> SendDeleteVolume(std::string_view name_or_id, const CallOptions& call);

  static std::string RequestIdOf(const CallOptions& call);
  static bool LooksLikeId(std::string_view text);
  std::chrono::milliseconds TimeoutOf(const CallOptions& call) const;

  const ClientOptions options_;
  const Surroundings surroundings_;
  BrokerChannel channel_;
};

}  // namespace flatvm::guestlib
