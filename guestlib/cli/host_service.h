// What the command line needs of a client, so that tests can be one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flatvm/client.h"

namespace flatvm::cli {

// The calls of flatvm::Client, with its contract.
class HostService {
 public:
  virtual ~HostService() = default;
  virtual Result<Vm> CreateVm(const VmSpec& spec, const CallOptions& call) = 0;
  virtual Result<Vm> DestroyVm(const std::string& name_or_id, const CallOptions& call) = 0;
  virtual Result<Vm> ShowVm(const std::string& name_or_id) = 0;
  virtual Result<std::vector<Vm>> ListVms() = 0;
  virtual Result<Tenant> GetTenant() = 0;

  virtual Result<Volume> CreateVolume(const VolumeSpec& spec, const CallOptions& call) = 0;
  virtual Result<Volume> AttachVolume(const std::string& name_or_id, const CallOptions& call) = 0;
  virtual Result<Volume> DetachVolume(const std::string& name_or_id, const CallOptions& call) = 0;
  virtual Result<Volume> ResizeVolume(const std::string& name_or_id, uint32_t size_mib,
                                      const CallOptions& call) = 0;
  virtual Result<Volume> DeleteVolume(const std::string& name_or_id, const CallOptions& call) = 0;
  virtual Result<Volume> ShowVolume(const std::string& name_or_id) = 0;
  virtual Result<std::vector<Volume>> ListVolumes() = 0;

  virtual Result<Image> ImportImage(const ImportSpec& spec, const CallOptions& call) = 0;
  virtual Result<Image> RemoveImage(const std::string& name_or_id, const CallOptions& call) = 0;
  virtual Result<std::vector<Image>> ListImages() = 0;
};

using ServiceFactory = std::function<std::unique_ptr<HostService>(const ClientOptions& options)>;

// A flatvm::Client.
std::unique_ptr<HostService> MakeClientService(const ClientOptions& options);

}  // namespace flatvm::cli
