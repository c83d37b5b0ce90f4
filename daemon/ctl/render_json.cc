#include "daemon/ctl/render_json.h"

#include <utility>

#include "google/protobuf/util/time_util.h"

namespace flatvm::ctl {
namespace {

Json ResourcesJson(const v1::Resources& resources) {
  return {{"memory_mib", resources.memory_mib()},
          {"vcpus", resources.vcpus()},
          {"vms", resources.vms()},
          {"disk_mib", resources.disk_mib()}};
}

Json PrimaryJson(const v1::Primary& primary) {
  return {{"domain", primary.domain()},
          {"uuid", primary.uuid()},
          {"state", StateName(primary.state())},
          {"cid", primary.cid()},
          {"mac", primary.mac()},
          {"address", primary.address()},
          {"needs_restart", primary.needs_restart()},
          {"memory_mib", primary.memory_mib()},
          {"vcpus", primary.vcpus()},
          {"granted_memory_mib", primary.granted_memory_mib()},
          {"granted_cpu_percent", primary.granted_cpu_percent()},
          {"ipv6_address", primary.ipv6_address()}};
}

Json IoLimitsJson(const v1::IoLimits& io) {
  return {{"read_bytes", io.read_bytes()},
          {"write_bytes", io.write_bytes()},
          {"read_operations", io.read_operations()},
          {"write_operations", io.write_operations()}};
}

Json CarveJson(const v1::Carve& carve) {
  return {{"mode", CarveModeName(carve.mode())},
          {"primary_min_memory_mib", carve.primary_min_memory_mib()}};
}

Json PressureJson(const v1::Pressure& pressure) {
  return {{"some_percent", pressure.some_percent()}, {"full_percent", pressure.full_percent()}};
}

Json NetworkLimitsJson(const v1::NetworkLimits& net) {
  return {{"out_bytes", net.out_bytes()},
          {"in_bytes", net.in_bytes()},
          {"vm_out_bytes", net.vm_out_bytes()},
          {"vm_in_bytes", net.vm_in_bytes()}};
}

Json ForwardsJson(const google::protobuf::RepeatedPtrField<v1::PortForward>& forwards) {
  Json list = Json::array();
  for (const v1::PortForward& forward : forwards) {
    list.push_back(Json{{"protocol", ProtocolName(forward.protocol())},
                        {"host_port", forward.host_port()},
                        {"machine", forward.machine()},
                        {"port", forward.port()}});
  }
  return list;
}

Json UsageJson(const v1::Usage& usage) {
  return {{"memory_bytes", usage.memory_bytes()},
          {"oom_kills", usage.oom_kills()},
          {"cpu_us", usage.cpu_us()},
          {"throttled_us", usage.throttled_us()},
          {"tasks", usage.tasks()},
          {"read_bytes", usage.read_bytes()},
          {"write_bytes", usage.write_bytes()},
          {"memory_pressure", PressureJson(usage.memory_pressure())},
          {"cpu_pressure", PressureJson(usage.cpu_pressure())},
          {"io_pressure", PressureJson(usage.io_pressure())}};
}

template <typename T>
std::string CreatedAtOf(const T& message) {
  if (!message.has_created_at()) return "";
  return google::protobuf::util::TimeUtil::ToString(message.created_at());
}

}  // namespace

Json TrafficJson(const v1::Traffic& traffic) {
  return {{"accepted", traffic.accepted()},
          {"spoofed", traffic.spoofed()},
          {"refused", traffic.refused()},
          {"exceeded",
           {{"out", traffic.exceeded().out()},
            {"in", traffic.exceeded().in()},
            {"vm_out", traffic.exceeded().vm_out()},
            {"vm_in", traffic.exceeded().vm_in()}}}};
}

Json NetworkJson(const v1::Network& network) {
  return {{"name", network.name()},
          {"mode", NetworkModeName(network.mode())},
          {"subnet", network.subnet()},
          {"gateway", network.gateway()},
          {"ipv6_subnet", network.ipv6_subnet()},
          {"ipv6_gateway", network.ipv6_gateway()},
          {"domain", network.domain()},
          {"network", network.network()},
          {"bridge", network.bridge()},
          {"vlan", network.vlan()}};
}

const char* StateName(v1::VmState state) {
  switch (state) {
    case v1::VM_CREATING:
      return "creating";
    case v1::VM_RUNNING:
      return "running";
    case v1::VM_STOPPED:
      return "stopped";
    case v1::VM_DESTROYING:
      return "destroying";
    default:
      return "unknown";
  }
}

const char* StateName(v1::PrimaryState state) {
  switch (state) {
    case v1::PRIMARY_UNDEFINED:
      return "undefined";
    case v1::PRIMARY_SHUT_OFF:
      return "shut-off";
    case v1::PRIMARY_RUNNING:
      return "running";
    default:
      return "unknown";
  }
}

const char* ProtocolName(v1::Protocol protocol) {
  switch (protocol) {
    case v1::PROTOCOL_TCP:
      return "tcp";
    case v1::PROTOCOL_UDP:
      return "udp";
    default:
      return "unknown";
  }
}

const char* NetworkModeName(v1::NetworkMode mode) {
  switch (mode) {
    case v1::NETWORK_MODE_UNSPECIFIED:
    case v1::NETWORK_NAT:
      return "nat";
    case v1::NETWORK_ISOLATED:
      return "isolated";
    case v1::NETWORK_VIA_PRIMARY:
      return "via-primary";
    case v1::NETWORK_BRIDGE:
      return "bridge";
    default:
      return "unknown";
  }
}

const char* CarveModeName(v1::CarveMode mode) {
  switch (mode) {
    case v1::CARVE_MODE_UNSPECIFIED:
    case v1::CARVE_RESERVED:
      return "reserved";
    case v1::CARVE_BALLOON:
      return "balloon";
    default:
      return "unknown";
  }
}

std::string CreatedAt(const v1::Vm& vm) { return CreatedAtOf(vm); }
std::string CreatedAt(const v1::Tenant& tenant) { return CreatedAtOf(tenant); }

Json VmJson(const v1::Vm& vm) {
  Json stages = Json::array();
  for (const v1::StageDuration& stage : vm.stages()) {
    stages.push_back(Json{{"stage", stage.stage()}, {"duration_us", stage.duration_us()}});
  }
  Json nics = Json::array();
  for (const v1::Nic& nic : vm.nics()) {
    nics.push_back(Json{{"network", nic.network()},
                        {"mac", nic.mac()},
                        {"address", nic.address()},
                        {"ipv6_address", nic.ipv6_address()}});
  }
  return {{"id", vm.id()},
          {"name", vm.name()},
          {"tenant", vm.tenant()},
          {"state", StateName(vm.state())},
          {"image", vm.image()},
          {"memory_mib", vm.memory_mib()},
          {"vcpus", vm.vcpus()},
          {"disk_mib", vm.disk_mib()},
          {"address", vm.address()},
          {"mac", vm.mac()},
          {"cid", vm.cid()},
          {"created_at", CreatedAt(vm)},
          {"stages", stages},
          {"volume", vm.volume()},
          {"data_volumes", StringListJson(vm.data_volumes())},
          {"from_quota_disk", vm.from_quota_disk()},
          {"image_id", vm.image_id()},
          {"ipv6_address", vm.ipv6_address()},
          {"nics", nics}};
}

Json ShownVmJson(const v1::ShowAnyVmResponse& shown) {
  Json json = VmJson(shown.vm());
  json.emplace("domain", shown.domain());
  json.emplace("console_log", shown.console_log());
  return json;
}

Json VmListJson(const google::protobuf::RepeatedPtrField<v1::Vm>& vms) {
  Json list = Json::array();
  for (const v1::Vm& vm : vms) list.push_back(VmJson(vm));
  return {{"vms", list}};
}

Json TenantJson(const v1::Tenant& tenant) {
  Json networks = Json::array();
  for (const v1::Network& network : tenant.networks()) networks.push_back(NetworkJson(network));
  return {{"name", tenant.name()},
          {"limits", ResourcesJson(tenant.limits())},
          {"used", ResourcesJson(tenant.used())},
          {"left", ResourcesJson(tenant.left())},
          {"primary", PrimaryJson(tenant.primary())},
          {"subnet", tenant.subnet()},
          {"gateway", tenant.gateway()},
          {"network", tenant.network()},
          {"slice", tenant.slice()},
          {"vmm_overhead_mib", tenant.vmm_overhead_mib()},
          {"created_at", CreatedAt(tenant)},
          {"io", IoLimitsJson(tenant.io())},
          {"cpus", tenant.cpus()},
          {"carve", CarveJson(tenant.carve())},
          {"quota_disk_mib", tenant.quota_disk_mib()},
          {"network_mode", NetworkModeName(tenant.network_mode())},
          {"ipv6_subnet", tenant.ipv6_subnet()},
          {"ipv6_gateway", tenant.ipv6_gateway()},
          {"forwards", ForwardsJson(tenant.forwards())},
          {"net", NetworkLimitsJson(tenant.net())},
          {"usage", tenant.has_usage() ? UsageJson(tenant.usage()) : Json()},
          {"networks", networks},
          {"traffic", tenant.has_traffic() ? TrafficJson(tenant.traffic()) : Json()}};
}

Json UpdatedTenantJson(const v1::UpdateTenantResponse& answer) {
  Json excesses = Json::array();
  for (const v1::Excess& excess : answer.excess()) {
    excesses.push_back(Json{
        {"limit", excess.limit()}, {"limit_value", excess.limit_value()}, {"used", excess.used()}});
  }
  Json json = TenantJson(answer.tenant());
  json.emplace("excess", std::move(excesses));
  return json;
}

Json StringListJson(const google::protobuf::RepeatedPtrField<std::string>& strings) {
  Json list = Json::array();
  for (const std::string& text : strings) list.push_back(text);
  return list;
}

std::string DumpJson(const Json& value) {
  constexpr int kIndent = 2;
  constexpr bool kAscii = true;  // no byte of it can steer a terminal
  return value.dump(kIndent, ' ', kAscii, Json::error_handler_t::replace) + "\n";
}

}  // namespace flatvm::ctl
