#include "daemon/rpc/convert.h"

#include "daemon/base/cpu_list.h"
#include "daemon/base/error.h"
#include "daemon/broker/tenant_plan.h"
#include "daemon/broker/vm_plan.h"

namespace flatvm::rpc {
namespace {

v1::VmState StateOf(broker::VmState state) {
  switch (state) {
    case broker::VmState::kCreating:
      return v1::VM_CREATING;
    case broker::VmState::kRunning:
      return v1::VM_RUNNING;
    case broker::VmState::kStopped:
      return v1::VM_STOPPED;
    case broker::VmState::kDestroying:
      return v1::VM_DESTROYING;
  }
  return v1::VM_STATE_UNSPECIFIED;
}

v1::VolumeState StateOf(broker::VolumeState state) {
  switch (state) {
    case broker::VolumeState::kCreating:
      return v1::VOLUME_CREATING;
    case broker::VolumeState::kReady:
      return v1::VOLUME_READY;
    case broker::VolumeState::kDeleting:
      return v1::VOLUME_DELETING;
    case broker::VolumeState::kMoving:
      return v1::VOLUME_MOVING;
    case broker::VolumeState::kReturning:
      return v1::VOLUME_RETURNING;
  }
  return v1::VOLUME_STATE_UNSPECIFIED;
}

v1::PrimaryState StateOf(broker::PrimaryState state) {
  switch (state) {
    case broker::PrimaryState::kUnknown:
      return v1::PRIMARY_STATE_UNSPECIFIED;
    case broker::PrimaryState::kUndefined:
      return v1::PRIMARY_UNDEFINED;
    case broker::PrimaryState::kShutOff:
      return v1::PRIMARY_SHUT_OFF;
    case broker::PrimaryState::kRunning:
      return v1::PRIMARY_RUNNING;
  }
  return v1::PRIMARY_STATE_UNSPECIFIED;
}

void FillResources(const broker::Resources& from, v1::Resources* to) {
  to->set_memory_mib(from.memory_mib);
  to->set_vcpus(from.vcpus);
  to->set_vms(from.vms);
  to->set_disk_mib(from.disk_mib);
}

uint64_t IoNumber(uint64_t limit) { return limit == cgroups::kNoLimit ? 0 : limit; }

uint64_t IoLimitOf(uint64_t number) { return number == 0 ? cgroups::kNoLimit : number; }

void FillPressure(const cgroups::Pressure& from, v1::Pressure* to) {
  to->set_some_percent(from.some_percent);
  to->set_full_percent(from.full_percent);
}

void FillUsage(const cgroups::SliceUsage& from, v1::Usage* to) {
  to->set_memory_bytes(from.memory_bytes);
  to->set_oom_kills(from.oom_kills);
  to->set_cpu_us(from.cpu_us);
  to->set_throttled_us(from.throttled_us);
  to->set_tasks(from.tasks);
  to->set_read_bytes(from.read_bytes);
  to->set_write_bytes(from.write_bytes);
  FillPressure(from.memory, to->mutable_memory_pressure());
  FillPressure(from.cpu, to->mutable_cpu_pressure());
  FillPressure(from.io, to->mutable_io_pressure());
}

void FillLimits(const broker::TenantRecord& record, v1::Tenant* tenant) {
  FillResources(record.limits, tenant->mutable_limits());
  v1::IoLimits* io = tenant->mutable_io();
  io->set_read_bytes(IoNumber(record.io.read_bytes));
  io->set_write_bytes(IoNumber(record.io.write_bytes));
  io->set_read_operations(IoNumber(record.io.read_operations));
  io->set_write_operations(IoNumber(record.io.write_operations));
  v1::Carve* carve = tenant->mutable_carve();
  carve->set_mode(record.carve.mode == broker::CarveMode::kBalloon ? v1::CARVE_BALLOON
                                                                   : v1::CARVE_RESERVED);
  carve->set_primary_min_memory_mib(record.carve.primary_min_memory_mib);
}

void FillPrimary(const broker::TenantView& view, v1::Primary* primary) {
  const broker::TenantRecord& record = view.record;
  primary->set_state(StateOf(view.primary_state));
  primary->set_cid(record.cid.value);
  primary->set_mac(record.mac);
  primary->set_address(record.address.ToString());
  if (const auto ipv6 = broker::Ipv6AddressOf(record, record.mac)) {
    primary->set_ipv6_address(ipv6->ToString());
  }
  primary->set_needs_restart(view.primary_needs_restart);
  primary->set_memory_mib(record.primary_memory_mib);
  primary->set_vcpus(record.primary_vcpus);
  primary->set_granted_memory_mib(view.grant.memory_mib);
  primary->set_granted_cpu_percent(view.grant.cpu_percent);
}

}  // namespace

void FillTime(std::chrono::system_clock::time_point time, google::protobuf::Timestamp* timestamp) {
  const auto since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
  timestamp->set_seconds(seconds.count());
  timestamp->set_nanos(static_cast<int32_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds).count()));
}

void FillVm(const broker::VmRecord& record, v1::Vm* vm) {
  vm->set_id(record.id);
  vm->set_name(record.spec.name);
  vm->set_tenant(record.tenant);
  vm->set_state(StateOf(record.state));
  vm->set_image(record.spec.image);
  vm->set_image_id(record.image_id);
  vm->set_memory_mib(record.spec.memory_mib);
  vm->set_vcpus(record.spec.vcpus);
  vm->set_disk_mib(record.spec.disk_mib);
  vm->set_volume(record.spec.volume);
  for (const std::string& volume : record.spec.data_volumes) vm->add_data_volumes(volume);
  vm->set_from_quota_disk(record.spec.quota_path);
  // A create that was only validated has no place in the world yet.
  if (!record.id.empty()) {
    vm->set_address(record.address.ToString());
    if (record.ipv6_address) vm->set_ipv6_address(record.ipv6_address->ToString());
    vm->set_mac(record.mac);
    vm->set_cid(record.cid.value);
  }
  FillNics(record, vm);
  FillTime(record.created_at, vm->mutable_created_at());
  for (const broker::StageDuration& stage : record.stages) {
    v1::StageDuration* out = vm->add_stages();
    out->set_stage(stage.stage);
    out->set_duration_us(stage.duration_us);
  }
}

void FillVolume(const broker::VolumeView& view, v1::Volume* volume) {
  const broker::VolumeRecord& record = view.volume;
  volume->set_id(record.id);
  volume->set_name(record.name);
  volume->set_tenant(record.tenant);
  volume->set_state(StateOf(record.state));
  volume->set_size_mib(record.size_mib);
  volume->set_quota_mib(record.quota_mib);
  volume->set_attached_to(view.attached_to);
  volume->set_from_quota_disk(record.asked_quota_path);
  volume->set_made_for(view.made_for);
  // A create that was only validated has none yet.
  if (!record.id.empty()) volume->set_serial(broker::SerialOf(record));
  FillTime(record.created_at, volume->mutable_created_at());
}

void FillTenant(const broker::TenantView& view, Audience audience, v1::Tenant* tenant) {
  const broker::TenantRecord& record = view.record;
  tenant->set_name(record.name);
  FillLimits(record, tenant);
  tenant->set_quota_disk_mib(view.quota_disk_mib);
  FillResources(view.used, tenant->mutable_used());
  FillResources(view.left, tenant->mutable_left());
  if (view.usage.has_value()) FillUsage(*view.usage, tenant->mutable_usage());
  v1::Primary* primary = tenant->mutable_primary();
  FillPrimary(view, primary);
  tenant->set_subnet(record.subnet.ToString());
  tenant->set_gateway(record.subnet.Gateway().ToString());
  if (record.prefix) {
    tenant->set_ipv6_subnet(record.prefix->ToString());
    tenant->set_ipv6_gateway(record.prefix->Gateway().ToString());
  }
  FillNetworks(record, audience, tenant);
  FillTime(record.created_at, tenant->mutable_created_at());
  tenant->set_vmm_overhead_mib(view.vmm_overhead_mib);
  if (audience == Audience::kPrimary) return;
  tenant->set_cpus(base::FormatCpuList(record.cpus));
  if (view.traffic.has_value()) FillTraffic(*view.traffic, tenant->mutable_traffic());
  primary->set_domain(record.primary_domain);
  primary->set_uuid(record.primary_uuid);
  tenant->set_network(network::NetworkName({record.name}));
  tenant->set_slice(cgroups::SliceName(record.name));
}

broker::Mode ModeOf(bool validate_only) {
  return validate_only ? broker::Mode::kValidateOnly : broker::Mode::kExecute;
}

broker::DiskFate FateOf(bool return_disk) {
  return return_disk ? broker::DiskFate::kReturn : broker::DiskFate::kDelete;
}

broker::VmSpec SpecOf(const v1::VmSpec& spec) {
  return broker::VmSpec{.name = spec.name(),
                        .image = spec.image(),
                        .memory_mib = spec.memory_mib(),
                        .vcpus = spec.vcpus(),
                        .disk_mib = spec.disk_mib(),
                        .volume = spec.volume(),
                        .data_volumes = {spec.data_volumes().begin(), spec.data_volumes().end()},
                        .quota_path = spec.from_quota_disk(),
                        .networks = {spec.networks().begin(), spec.networks().end()}};
}

broker::Resources ResourcesOf(const v1::Resources& resources) {
  return broker::Resources{.memory_mib = resources.memory_mib(),
                           .vcpus = resources.vcpus(),
                           .vms = resources.vms(),
                           .disk_mib = resources.disk_mib()};
}

cgroups::IoLimits IoOf(const v1::IoLimits& io) {
  return cgroups::IoLimits{.read_bytes = IoLimitOf(io.read_bytes()),
                           .write_bytes = IoLimitOf(io.write_bytes()),
                           .read_operations = IoLimitOf(io.read_operations()),
                           .write_operations = IoLimitOf(io.write_operations())};
}

absl::StatusOr<broker::Carve> CarveOf(const v1::Carve& carve) {
  broker::Carve result{.primary_min_memory_mib = carve.primary_min_memory_mib()};
  switch (carve.mode()) {
    case v1::CARVE_MODE_UNSPECIFIED:
    case v1::CARVE_RESERVED:
      return result;
    case v1::CARVE_BALLOON:
      result.mode = broker::CarveMode::kBalloon;
      return result;
    default:
      return base::FieldError(base::Reason::kFieldOutOfRange, "carve.mode",
                              "is none that this version knows");
  }
}

absl::StatusOr<std::vector<uint32_t>> CpusOf(const std::string& cpus) {
  if (cpus.empty()) return std::vector<uint32_t>{};
  return base::ParseCpuList("cpus", cpus);
}

v1::ErrorDetail DetailOf(const absl::Status& status, const std::string& request_id) {
  const base::ErrorInfo info = base::GetErrorInfo(status);
  v1::ErrorDetail detail;
  detail.set_reason(static_cast<v1::Reason>(info.reason));
  detail.set_field(info.field);
  detail.set_limit(info.limit);
  detail.set_limit_value(info.limit_value);
  detail.set_asked(info.asked);
  detail.set_used(info.used);
  detail.set_left(info.left);
  detail.set_request_id(request_id);
  return detail;
}

}  // namespace flatvm::rpc
