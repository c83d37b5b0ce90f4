#include "guestlib/cli/render_json.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace flatvm::cli {
namespace {

Json ResourcesJson(const Resources& resources) {
  return {{"memory_mib", resources.memory_mib},
          {"vcpus", resources.vcpus},
          {"vms", resources.vms},
          {"disk_mib", resources.disk_mib}};
}

Json PrimaryJson(const Primary& primary) {
  return {{"state", PrimaryStateName(primary.state)},
          {"cid", primary.cid},
          {"mac", primary.mac},
          {"address", primary.address},
          {"needs_restart", primary.needs_restart},
          {"memory_mib", primary.memory_mib},
          {"vcpus", primary.vcpus},
          {"granted_memory_mib", primary.granted_memory_mib},
          {"granted_cpu_percent", primary.granted_cpu_percent},
          {"ipv6_address", primary.ipv6_address}};
}

Json NetworkLimitsJson(const NetworkLimits& net) {
  return {{"out_bytes", net.out_bytes},
          {"in_bytes", net.in_bytes},
          {"vm_out_bytes", net.vm_out_bytes},
          {"vm_in_bytes", net.vm_in_bytes}};
}

Json IoLimitsJson(const IoLimits& io) {
  return {{"read_bytes", io.read_bytes},
          {"write_bytes", io.write_bytes},
          {"read_operations", io.read_operations},
          {"write_operations", io.write_operations}};
}

Json CarveJson(const Carve& carve) {
  return {{"mode", CarveModeName(carve.mode)},
          {"primary_min_memory_mib", carve.primary_min_memory_mib}};
}

Json PressureJson(const Pressure& pressure) {
  return {{"some_percent", pressure.some_percent}, {"full_percent", pressure.full_percent}};
}

Json UsageJson(const Usage& usage) {
  return {{"memory_bytes", usage.memory_bytes},
          {"oom_kills", usage.oom_kills},
          {"cpu_us", usage.cpu_time.count()},
          {"throttled_us", usage.throttled_time.count()},
          {"tasks", usage.tasks},
          {"read_bytes", usage.read_bytes},
          {"write_bytes", usage.write_bytes},
          {"memory_pressure", PressureJson(usage.memory_pressure)},
          {"cpu_pressure", PressureJson(usage.cpu_pressure)},
          {"io_pressure", PressureJson(usage.io_pressure)}};
}

std::string FractionText(int64_t nanoseconds) {
  if (nanoseconds == 0) return "";
  int digits = 9;
  for (; digits > 3 && nanoseconds % 1000 == 0; digits -= 3) nanoseconds /= 1000;
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), ".%0*lld", digits, static_cast<long long>(nanoseconds));
  return text.data();
}

}  // namespace

std::string TimeText(std::chrono::system_clock::time_point time) {
  if (time == std::chrono::system_clock::time_point()) return "";
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(second);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return text.data() + FractionText(std::chrono::nanoseconds(time - second).count()) + "Z";
}

Json VmJson(const Vm& vm) {
  Json stages = Json::array();
  for (const StageDuration& stage : vm.stages) {
    stages.push_back(Json{{"stage", stage.stage}, {"duration_us", stage.duration.count()}});
  }
  Json nics = Json::array();
  for (const Nic& nic : vm.nics) {
    nics.push_back(Json{{"network", nic.network},
                        {"mac", nic.mac},
                        {"address", nic.address},
                        {"ipv6_address", nic.ipv6_address}});
  }
  return {{"id", vm.id},
          {"name", vm.name},
          {"tenant", vm.tenant},
          {"state", VmStateName(vm.state)},
          {"image", vm.image},
          {"memory_mib", vm.memory_mib},
          {"vcpus", vm.vcpus},
          {"disk_mib", vm.disk_mib},
          {"address", vm.address},
          {"mac", vm.mac},
          {"cid", vm.cid},
          {"created_at", TimeText(vm.created_at)},
          {"stages", stages},
          {"volume", vm.volume},
          {"data_volumes", vm.data_volumes},
          {"from_quota_disk", vm.from_quota_disk},
          {"image_id", vm.image_id},
          {"ipv6_address", vm.ipv6_address},
          {"nics", nics}};
}

Json VmListJson(const std::vector<Vm>& vms) {
  Json list = Json::array();
  for (const Vm& vm : vms) list.push_back(VmJson(vm));
  return {{"vms", list}};
}

Json VolumeJson(const Volume& volume) {
  return {{"id", volume.id},
          {"name", volume.name},
          {"tenant", volume.tenant},
          {"state", VolumeStateName(volume.state)},
          {"size_mib", volume.size_mib},
          {"attached_to", volume.attached_to},
          {"serial", volume.serial},
          {"created_at", TimeText(volume.created_at)},
          {"device", DeviceOf(volume)},
          {"quota_mib", volume.quota_mib},
          {"from_quota_disk", volume.from_quota_disk},
          {"made_for", volume.made_for}};
}

Json VolumeListJson(const std::vector<Volume>& volumes) {
  Json list = Json::array();
  for (const Volume& volume : volumes) list.push_back(VolumeJson(volume));
  return {{"volumes", list}};
}

Json ImageJson(const Image& image) {
  return {
      {"id", image.id},
      {"name", image.name},
      {"tenant", image.tenant},
      {"source", ImageSourceName(image.source)},
      {"state", ImageStateName(image.state)},
      {"format", image.format == ImageFormat::kUnspecified ? "" : ImageFormatName(image.format)},
      {"size_bytes", image.size_bytes},
      {"received_bytes", image.received_bytes},
      {"disk_mib", image.disk_mib},
      {"sha256", image.sha256},
      {"created_at", TimeText(image.created_at)},
      {"description", image.description}};
}

Json ImageListJson(const std::vector<Image>& images) {
  Json list = Json::array();
  for (const Image& image : images) list.push_back(ImageJson(image));
  return {{"images", list}};
}

std::string DeviceOf(const Volume& volume) {
  return volume.attached_to.empty() ? "" : DevicePath(volume);
}

Json TenantJson(const Tenant& tenant) {
  Json networks = Json::array();
  for (const Network& network : tenant.networks) {
    networks.push_back(Json{{"name", network.name},
                            {"mode", NetworkModeName(network.mode)},
                            {"subnet", network.subnet},
                            {"gateway", network.gateway},
                            {"ipv6_subnet", network.ipv6_subnet},
                            {"ipv6_gateway", network.ipv6_gateway},
                            {"domain", network.domain}});
  }
  return {{"name", tenant.name},
          {"limits", ResourcesJson(tenant.limits)},
          {"used", ResourcesJson(tenant.used)},
          {"left", ResourcesJson(tenant.left)},
          {"primary", PrimaryJson(tenant.primary)},
          {"subnet", tenant.subnet},
          {"gateway", tenant.gateway},
          {"vmm_overhead_mib", tenant.vmm_overhead_mib},
          {"created_at", TimeText(tenant.created_at)},
          {"io", IoLimitsJson(tenant.io)},
          {"cpus", tenant.cpus},
          {"carve", CarveJson(tenant.carve)},
          {"quota_disk_mib", tenant.quota_disk_mib},
          {"network_mode", NetworkModeName(tenant.network_mode)},
          {"ipv6_subnet", tenant.ipv6_subnet},
          {"ipv6_gateway", tenant.ipv6_gateway},
          {"net", NetworkLimitsJson(tenant.net)},
          {"networks", networks},
          {"usage", tenant.usage.has_value() ? UsageJson(*tenant.usage) : Json()}};
}

std::string DumpJson(const Json& value) {
  constexpr int kIndent = 2;
  constexpr bool kAscii = true;  // no byte of it can steer a terminal
  return value.dump(kIndent, ' ', kAscii, Json::error_handler_t::replace) + "\n";
}

}  // namespace flatvm::cli
