// Questions: what tenants and secondaries there are. Changes nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

enum class PrimaryState { kUnknown, kUndefined, kShutOff, kRunning };

struct TenantView {
  TenantRecord record;
  Resources used;
  Resources left;
  PrimaryGrant grant;  // what the primary has while the secondaries have theirs
  std::optional<cgroups::SliceUsage>
      usage;  // of GetTenant only; none if the kernel cannot be asked
  PrimaryState primary_state = PrimaryState::kUnknown;  // kUnknown: libvirt cannot be asked
  bool primary_needs_restart = false;
  uint32_t vmm_overhead_mib = 0;
  std::vector<VmRecord> vms;  // by name
};

struct VmView {
  VmRecord vm;
  std::string domain;       // libvirt's name of it
  std::string console_log;  // absolute
};

// Thread-safe. Tenant questions block on libvirt, for the primary's state; the others do not block.
class Directory {
 public:
  Directory(const Settings& settings, const Ports& ports, Registry& registry)
      : settings_(settings), ports_(ports), registry_(registry) {}

  // Errors: NOT_FOUND / kTenantNotFound.
  absl::StatusOr<TenantView> GetTenant(const std::string& name);
  std::vector<TenantView> ListTenants();  // by name

  // By name. Errors: NOT_FOUND / kTenantNotFound.
  absl::StatusOr<std::vector<VmRecord>> ListVms(const std::string& tenant);
  // Errors: INVALID_ARGUMENT; NOT_FOUND / kTenantNotFound, kVmNotFound.
  absl::StatusOr<VmRecord> GetVm(const std::string& tenant, const std::string& reference);

  // Of every tenant, by tenant and name.
  std::vector<VmRecord> ListAllVms();
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
