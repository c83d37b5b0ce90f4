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

Result<Volume> Client::CreateVolume(const VolumeSpec& spec, const CallOptions& call) {
  return impl_->CreateVolume(spec, call);
}

Result<Volume> Client::AttachVolume(std::string_view name_or_id, const CallOptions& call) {
  return impl_->AttachVolume(name_or_id, call);
}

Result<Volume> Client::DetachVolume(std::string_view name_or_id, const CallOptions& call) {
  return impl_->DetachVolume(name_or_id, call);
}

Result<Volume> Client::ResizeVolume(std::string_view name_or_id, uint32_t size_mib,
                                    const CallOptions& call) {
  return impl_->ResizeVolume(name_or_id, size_mib, call);
}

Result<Volume> Client::DeleteVolume(std::string_view name_or_id, const CallOptions& call) {
  return impl_->DeleteVolume(name_or_id, call);
}

Result<Volume> Client::ShowVolume(std::string_view name_or_id, const CallOptions& call) {
  return impl_->ShowVolume(name_or_id, call);
}

Result<std::vector<Volume>> Client::ListVolumes(const CallOptions& call) {
  return impl_->ListVolumes(call);
}

Result<Image> Client::ImportImage(const ImportSpec& spec, const CallOptions& call) {
  return impl_->ImportImage(spec, call);
}

Result<Image> Client::RemoveImage(std::string_view name_or_id, const CallOptions& call) {
  return impl_->RemoveImage(name_or_id, call);
}

Result<std::vector<Image>> Client::ListImages(const CallOptions& call) {
  return impl_->ListImages(call);
}

}  // namespace flatvm
