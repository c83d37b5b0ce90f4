// SecondaryVms on the daemon's side: a tenant's call as bytes in, an answer as bytes out. Knows no
// gRPC and decides nothing; the broker does. The tenant is the connection's, whatever the bytes
// say.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/broker/caller_check.h"
#include "daemon/broker/directory.h"
#include "daemon/broker/vm_lifecycle.h"
#include "daemon/rpc/operation.h"
#include "flatvm/v1/secondary_vms.pb.h"

namespace flatvm::rpc {

// What goes back to the front.
struct Answer {
  int code = 0;          // google.rpc.Code
  std::string message;   // public text
  std::string detail;    // serialized flatvm.v1.ErrorDetail; empty when code is 0
  std::string response;  // serialized response message
};

// Thread-safe; a call blocks for as long as the broker does.
class VmService {
 public:
  VmService(broker::VmLifecycle& vms, broker::Directory& directory, broker::CallerCheck& callers,
            base::Logger& log, const base::Clock& clock)
      : vms_(vms), directory_(directory), callers_(callers), log_(log), clock_(clock) {}

  // `method` is a method name of flatvm.v1.SecondaryVms, `request` its serialized request; both may
  // be anything.
  Answer Handle(const std::string& tenant, const std::string& method, const std::string& request);

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

  // Parses, confirms the caller, calls, logs, serializes.
  template <typename Request, typename Response>
  Answer Serve(const std::string& tenant, const std::string& method, const std::string& bytes,
               absl::StatusOr<Response> (VmService::*handler)(const std::string&, const Request&));

  broker::VmLifecycle& vms_;
  broker::Directory& directory_;
  broker::CallerCheck& callers_;
  base::Logger& log_;
  const base::Clock& clock_;
};

}  // namespace flatvm::rpc
