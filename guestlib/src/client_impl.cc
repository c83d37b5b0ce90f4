#include "guestlib/src/client_impl.h"

#include <algorithm>
#include <utility>

#include "guestlib/src/convert.h"
#include "guestlib/src/request_id.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using Stub = v1::SecondaryVms::Stub;

constexpr milliseconds kLongestTimeout = std::chrono::hours(24);

}  // namespace

Client ClientImpl::MakeClient(const ClientOptions& options, Surroundings surroundings) {
  return Client(std::make_unique<ClientImpl>(options, std::move(surroundings)));
}

milliseconds ClientImpl::TimeoutOf(const CallOptions& call) const {
  const milliseconds asked = call.timeout.count() == 0 ? options_.call_timeout : call.timeout;
  return std::clamp(asked, milliseconds(0), kLongestTimeout);
}

std::string ClientImpl::RequestIdOf(const CallOptions& call) {
  return call.request_id.empty() ? NewRequestId() : call.request_id;
}

// 8-4-4-4-12, which no name can be: names have at most 40 letters but may look alike otherwise.
bool ClientImpl::LooksLikeId(std::string_view text) {
  constexpr size_t kUuidLength = 36;
  return text.size() == kUuidLength && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
         text[23] == '-';
}

Result<Vm> ClientImpl::SendCreateVm(const VmSpec& spec, const CallOptions& call) {
  auto request = ChangeRequest<v1::CreateVmRequest>(call);
  *request.mutable_spec() = ToWire(spec);
  v1::CreateVmResponse response;
  CallOutcome outcome = Call(&Stub::CreateVm, request, &response, call);
  if (outcome.error.has_value()) return std::move(*outcome.error);
  return FromWire(response.vm());
}

Result<Vm> ClientImpl::SendDestroyVm(std::string_view name_or_id, const CallOptions& call) {
  auto request = ChangeRequest<v1::DestroyVmRequest>(call);
  request.set_vm(std::string(name_or_id));
  request.set_return_disk(call.return_disk);
  v1::DestroyVmResponse response;
  CallOutcome outcome = Call(&Stub::DestroyVm, request, &response, call);
  if (!outcome.error.has_value()) return FromWire(response.vm());
  if (DoneBefore(outcome, Reason::kVmNotFound, call)) return OnlyReference<Vm>(name_or_id);
  return std::move(*outcome.error);
}

Result<Vm> ClientImpl::ShowVm(std::string_view name_or_id, const CallOptions& call) {
  v1::ShowVmRequest request;
  request.set_vm(std::string(name_or_id));
  v1::ShowVmResponse response;
  CallOutcome outcome = Call(&Stub::ShowVm, request, &response, call);
  if (outcome.error.has_value()) return std::move(*outcome.error);
  return FromWire(response.vm());
}

Result<std::vector<Vm>> ClientImpl::ListVms(const CallOptions& call) {
  v1::ListVmsResponse response;
  CallOutcome outcome = Call(&Stub::ListVms, v1::ListVmsRequest(), &response, call);
  if (outcome.error.has_value()) return std::move(*outcome.error);
  std::vector<Vm> vms;
  for (const v1::Vm& vm : response.vms()) vms.push_back(FromWire(vm));
  return vms;
}

Result<Tenant> ClientImpl::GetTenant(const CallOptions& call) {
  v1::GetTenantResponse response;
  CallOutcome outcome = Call(&Stub::GetTenant, v1::GetTenantRequest(), &response, call);
  if (outcome.error.has_value()) return std::move(*outcome.error);
  return FromWire(response.tenant());
}

}  // namespace flatvm::guestlib
