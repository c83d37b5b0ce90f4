// What the command line needs of a client, so that tests can be one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flatvm/client.h"

namespace flatvm::cli {

// The calls of flatvm::Client, with its contract.
class VmService {
 public:
  virtual ~VmService() = default;
  virtual Result<Vm> CreateVm(const VmSpec& spec, const CallOptions& call) = 0;
  virtual Result<Vm> DestroyVm(const std::string& name_or_id, const CallOptions& call) = 0;
  virtual Result<Vm> ShowVm(const std::string& name_or_id) = 0;
  virtual Result<std::vector<Vm>> ListVms() = 0;
  virtual Result<Tenant> GetTenant() = 0;
};

using ServiceFactory = std::function<std::unique_ptr<VmService>(const ClientOptions& options)>;

// A flatvm::Client.
std::unique_ptr<VmService> MakeClientService(const ClientOptions& options);

}  // namespace flatvm::cli
