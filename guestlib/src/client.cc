#include "flatvm/client.h"

#include <utility>

#include "guestlib/src/client_impl.h"
#include "guestlib/src/surroundings.h"

namespace flatvm {

Client Client::Create(const ClientOptions& options) {
  return guestlib::ClientImpl::MakeClient(options, guestlib::RealSurroundings(options));
}

Client::Client(std::unique_ptr<guestlib::ClientImpl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Vm> Client::CreateVm(const VmSpec& spec, const CallOptions& call) {
  return impl_->CreateVm(spec, call);
}

Result<Vm> Client::DestroyVm(std::string_view name_or_id, const CallOptions& call) {
  return impl_->DestroyVm(name_or_id, call);
}

Result<Vm> Client::ShowVm(std::string_view name_or_id, const CallOptions& call) {
  return impl_->ShowVm(name_or_id, call);
}

Result<std::vector<Vm>> Client::ListVms(const CallOptions& call) { return impl_->ListVms(call); }

Result<Tenant> Client::GetTenant(const CallOptions& call) { return impl_->GetTenant(call); }

}  // namespace flatvm
