#include "guestlib/cli/vm_service.h"

namespace flatvm::cli {
namespace {

class ClientService final : public VmService {
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

 private:
  Client client_;
};

}  // namespace

std::unique_ptr<VmService> MakeClientService(const ClientOptions& options) {
  return std::make_unique<ClientService>(options);
}

}  // namespace flatvm::cli
