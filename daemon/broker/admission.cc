#include "daemon/broker/admission.h"

#include <algorithm>
#include <array>
#include <limits>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"

namespace flatvm::broker {
namespace {

// One amount: where it stands in Resources, what its limit is called, and the error of exceeding
// it.
struct Amount {
  uint32_t Resources::*member;
  const char* name;
  const char* unit;
  base::Reason reason;
};

constexpr std::array<Amount, 4> kAmounts = {{
    {&Resources::memory_mib, "memory_mib", "MiB of memory", base::Reason::kTenantMemoryLimit},
    {&Resources::vcpus, "vcpus", "vCPUs", base::Reason::kTenantVcpuLimit},
    {&Resources::vms, "vms", "secondaries", base::Reason::kTenantVmLimit},
    {&Resources::disk_mib, "disk_mib", "MiB of disk", base::Reason::kTenantDiskLimit},
}};

uint32_t Saturate(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, std::numeric_limits<uint32_t>::max()));
}

Resources Sum(const Resources& a, const Resources& b) {
  Resources sum;
  for (const Amount& amount : kAmounts) {
    sum.*amount.member = Saturate(uint64_t{a.*amount.member} + b.*amount.member);
  }
  return sum;
}

}  // namespace

Resources CostOf(const VmSpec& spec, const Settings& settings) {
  return Resources{.memory_mib = Saturate(uint64_t{spec.memory_mib} + settings.vmm_overhead_mib),
                   .vcpus = spec.vcpus,
                   .vms = 1,
                   .disk_mib = spec.disk_mib};
}

Resources CostOfVolume(uint32_t size_mib) { return Resources{.disk_mib = size_mib}; }

Resources CostOfImage(const ImageRecord& image) {
  return Resources{.disk_mib =
                       Saturate((image.size_bytes + base::kMebibyte - 1) / base::kMebibyte)};
}

uint32_t QuotaDiskMib(const TenantRecord& tenant,
                      const std::map<std::string, VolumeRecord>& volumes) {
  uint64_t taken_mib = 0;
  for (const auto& [id, volume] : volumes) taken_mib += volume.quota_mib;
  return static_cast<uint32_t>(tenant.quota_disk_mib -
                               std::min<uint64_t>(taken_mib, tenant.quota_disk_mib));
}

Resources BaseCost(const TenantRecord& tenant, const Settings& settings) {
  const bool carved = tenant.carve.mode == CarveMode::kBalloon;
  const uint32_t memory_mib =
      carved ? std::min(tenant.carve.primary_min_memory_mib, tenant.primary_memory_mib)
             : tenant.primary_memory_mib;
  return Resources{.memory_mib = Saturate(uint64_t{memory_mib} + settings.vmm_overhead_mib +
                                          settings.front_overhead_mib),
                   .vcpus = carved ? std::min(1U, tenant.primary_vcpus) : tenant.primary_vcpus};
}

PrimaryGrant GrantOf(const TenantRecord& tenant, const Resources& limits,
                     const std::map<std::string, VmRecord>& vms, const Settings& settings) {
  constexpr uint32_t kPercentOfCpu = 100;
  // Memory and CPUs: volumes and images have neither.
  const Resources left = LeftOf(limits, UsedBy(tenant, vms, {}, {}, settings));
  const Resources base = BaseCost(tenant, settings);
  // What is left to secondaries and the primary's minimum are the primary's as long as nobody has
  // them.
  const uint64_t overhead_mib = uint64_t{settings.vmm_overhead_mib} + settings.front_overhead_mib;
  const uint64_t memory_mib = uint64_t{base.memory_mib} - overhead_mib + left.memory_mib;
  const uint64_t vcpus = uint64_t{base.vcpus} + left.vcpus;
  const bool carved = tenant.carve.mode == CarveMode::kBalloon;
  return PrimaryGrant{
      .memory_mib =
          carved ? static_cast<uint32_t>(std::min<uint64_t>(memory_mib, tenant.primary_memory_mib))
                 : tenant.primary_memory_mib,
      .cpu_percent = kPercentOfCpu * (carved ? static_cast<uint32_t>(
                                                   std::min<uint64_t>(vcpus, tenant.primary_vcpus))
                                             : tenant.primary_vcpus)};
}

std::vector<Excess> ExcessOf(const Resources& limits, const Resources& used) {
  std::vector<Excess> excess;
  for (const Amount& amount : kAmounts) {
    if (used.*amount.member <= limits.*amount.member) continue;
    excess.push_back(Excess{
        .limit = amount.name, .limit_value = limits.*amount.member, .used = used.*amount.member});
  }
  return excess;
}

Resources LesserOf(const Resources& a, const Resources& b) {
  Resources lesser;
  for (const Amount& amount : kAmounts) {
    lesser.*amount.member = std::min(a.*amount.member, b.*amount.member);
  }
  return lesser;
}

Resources UsedBy(const TenantRecord& tenant, const std::map<std::string, VmRecord>& vms,
                 const std::map<std::string, VolumeRecord>& volumes,
                 const std::map<std::string, ImageRecord>& images, const Settings& settings) {
  Resources used = BaseCost(tenant, settings);
  for (const auto& [id, vm] : vms) used = Sum(used, CostOf(vm.spec, settings));
  for (const auto& [id, volume] : volumes) used = Sum(used, CostOfVolume(volume.size_mib));
  for (const auto& [id, image] : images) used = Sum(used, CostOfImage(image));
  return Sum(used, CostOfVolume(QuotaDiskMib(tenant, volumes)));
}

Resources LeftOf(const Resources& limits, const Resources& used) {
  Resources left;
  for (const Amount& amount : kAmounts) {
    const uint32_t limit = limits.*amount.member;
    left.*amount.member = limit - std::min(limit, used.*amount.member);
  }
  return left;
}

absl::Status Admit(const Resources& limits, const Resources& used, const Resources& asked) {
  const Resources left = LeftOf(limits, used);
  for (const Amount& amount : kAmounts) {
    if (asked.*amount.member <= left.*amount.member) continue;
    return base::MakeError(
        absl::StatusCode::kResourceExhausted,
        base::ErrorInfo{.reason = amount.reason,
                        .limit = amount.name,
                        .limit_value = limits.*amount.member,
                        .asked = asked.*amount.member,
                        .used = used.*amount.member,
                        .left = left.*amount.member},
        base::StrCat("asks for ", asked.*amount.member, " ", amount.unit, ", but of the tenant's ",
                     limits.*amount.member, " only ", left.*amount.member, " are left"));
  }
  return absl::OkStatus();
}

}  // namespace flatvm::broker
