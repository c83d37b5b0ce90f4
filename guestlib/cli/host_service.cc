#include "guestlib/cli/host_service.h"

namespace flatvm::cli {
namespace {

class ClientService final : public HostService {
 public:
  explicit ClientService(const ClientOptions& options) : client_(Client::Create(options)) {}

  Result<Vm> CreateVm(const VmSpec& spec, const CallOptions& call) override {
    return client_.CreateVm(spec, call);
  }
  Result<Vm> DestroyVm(const std::string& name_or_id, const CallOptions& call) override {
    return client_.DestroyVm(name_or_id, call);
  }
  Result<Vm> ShowVm(const std::string& name_or_id) override { return client_.ShowVm(name_or_id); }
  Result<std::vector<Vm>> ListVms() override { return client_.ListVms(); }
  Result<Tenant> GetTenant() override { return client_.GetTenant(); }

  Result<Volume> CreateVolume(const VolumeSpec& spec, const CallOptions& call) override {
    return client_.CreateVolume(spec, call);
  }
  Result<Volume> AttachVolume(const std::string& name_or_id, const CallOptions& call) override {
    return client_.AttachVolume(name_or_id, call);
  }
  Result<Volume> DetachVolume(const std::string& name_or_id, const CallOptions& call) override {
    return client_.DetachVolume(name_or_id, call);
  }
  Result<Volume> ResizeVolume(const std::string& name_or_id, uint32_t size_mib,
                              const CallOptions& call) override {
    return client_.ResizeVolume(name_or_id, size_mib, call);
  }
  Result<Volume> DeleteVolume(const std::string& name_or_id, const CallOptions& call) override {
    return client_.DeleteVolume(name_or_id, call);
  }
  Result<Volume> ShowVolume(const std::string& name_or_id) override {
    return client_.ShowVolume(name_or_id);
  }
  Result<std::vector<Volume>> ListVolumes() override { return client_.ListVolumes(); }

  Result<Image> ImportImage(const ImportSpec& spec, const CallOptions& call) override {
    return client_.ImportImage(spec, call);
  }
  Result<Image> RemoveImage(const std::string& name_or_id, const CallOptions& call) override {
    return client_.RemoveImage(name_or_id, call);
  }
  Result<std::vector<Image>> ListImages() override { return client_.ListImages(); }

 private:
  Client client_;
};

}  // namespace

std::unique_ptr<HostService> MakeClientService(const ClientOptions& options) {
  return std::make_unique<ClientService>(options);
}

}  // namespace flatvm::cli
