// Questions: what tenants and secondaries there are. Changes nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/image_lifecycle.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"
#include "daemon/broker/volume_lifecycle.h"

namespace flatvm::broker {

enum class PrimaryState { kUnknown, kUndefined, kShutOff, kRunning };

struct TenantView {
  TenantRecord record;
  Resources used;
  Resources left;
  PrimaryGrant grant;  // what the primary has while the secondaries have theirs
  std::optional<cgroups::SliceUsage>
      usage;                                // of GetTenant only; none if the kernel cannot be asked
  std::optional<network::Traffic> traffic;  // likewise
  PrimaryState primary_state = PrimaryState::kUnknown;  // kUnknown: libvirt cannot be asked
  bool primary_needs_restart = false;
  uint32_t vmm_overhead_mib = 0;
  uint32_t quota_disk_mib = 0;  // as it is now
  std::vector<VmRecord> vms;    // by name
};

struct NetworkView {
  NetworkRecord network;
  uint32_t vms = 0;                         // secondaries that have a NIC there
  std::optional<network::Traffic> traffic;  // nullopt: the kernel cannot be asked, or it is kBridge
};

struct VmView {
  VmRecord vm;
  std::string domain;       // libvirt's name of it
  std::string console_log;  // absolute
};

// Images that a tenant may make secondaries from.
struct ImageList {
  std::vector<ImageView> own;                  // by name
  std::vector<storage::CatalogImage> catalog;  // by name
};

// Thread-safe. Tenant questions block on libvirt, for the primary's state, and ListImages on the
// disk; the others do not block.
class Directory {
 public:
  Directory(const Settings& settings, const Ports& ports, Registry& registry)
      : settings_(settings), ports_(ports), registry_(registry) {}

  // Errors: NOT_FOUND / kTenantNotFound.
  absl::StatusOr<TenantView> GetTenant(const std::string& name);
  std::vector<TenantView> ListTenants();  // by name

  // The first one first. Blocks on the kernel. Errors: NOT_FOUND / kTenantNotFound.
  absl::StatusOr<std::vector<NetworkView>> ListNetworks(const std::string& tenant);

  // By name. Errors: NOT_FOUND / kTenantNotFound.
  absl::StatusOr<std::vector<VmRecord>> ListVms(const std::string& tenant);
  // Errors: INVALID_ARGUMENT; NOT_FOUND / kTenantNotFound, kVmNotFound.
  absl::StatusOr<VmRecord> GetVm(const std::string& tenant, const std::string& reference);

  // Of every tenant, by tenant and name.
  std::vector<VmRecord> ListAllVms();
  std::vector<VolumeView> ListAllVolumes();

  // By name. Errors: NOT_FOUND / kTenantNotFound.
  absl::StatusOr<std::vector<VolumeView>> ListVolumes(const std::string& tenant);
  // Errors: INVALID_ARGUMENT; NOT_FOUND / kTenantNotFound, kVolumeNotFound.
  absl::StatusOr<VolumeView> GetVolume(const std::string& tenant, const std::string& reference);

  // Errors: NOT_FOUND / kTenantNotFound; INTERNAL.
  absl::StatusOr<ImageList> ListImages(const std::string& tenant);
  // By name. Errors: NOT_FOUND / kTenantNotFound.
  absl::StatusOr<std::vector<ImageView>> ListOwnImages(const std::string& tenant);
  // Of every tenant, by tenant and name.
  std::vector<ImageView> ListAllImages();

  // `tenant` may be empty: then `reference` must be an id. Errors: as GetVm; INVALID_ARGUMENT
  // naming "tenant".
  absl::StatusOr<VmView> GetAnyVm(const std::string& tenant, const std::string& reference);

 private:
  void AddPrimary(TenantView* view);

  const Settings& settings_;
  const Ports& ports_;
  Registry& registry_;
};

}  // namespace flatvm::broker
