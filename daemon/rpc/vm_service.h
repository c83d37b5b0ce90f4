// SecondaryVms on the daemon's side. Translates and calls the broker, which decides.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/broker/directory.h"
#include "daemon/broker/vm_lifecycle.h"
#include "daemon/rpc/tenant_calls.h"
#include "flatvm/v1/secondary_vms.pb.h"

namespace flatvm::rpc {

// Thread-safe; a call blocks for as long as the broker does.
class VmService {
 public:
  VmService(broker::VmLifecycle& vms, broker::Directory& directory)
      : vms_(vms), directory_(directory) {}

  // Serves its methods there; this outlives `calls`.
  void AddTo(TenantCalls& calls);

 private:
  absl::StatusOr<v1::CreateVmResponse> CreateVm(const std::string& tenant,
                                                const v1::CreateVmRequest& request);
  absl::StatusOr<v1::DestroyVmResponse> DestroyVm(const std::string& tenant,
                                                  const v1::DestroyVmRequest& request);
  absl::StatusOr<v1::ShowVmResponse> ShowVm(const std::string& tenant,
                                            const v1::ShowVmRequest& request);
  absl::StatusOr<v1::ListVmsResponse> ListVms(const std::string& tenant,
                                              const v1::ListVmsRequest& request);
  absl::StatusOr<v1::GetTenantResponse> GetTenant(const std::string& tenant,
                                                  const v1::GetTenantRequest& request);

  broker::VmLifecycle& vms_;
  broker::Directory& directory_;
};

}  // namespace flatvm::rpc
