#include "daemon/state/record_json.h"

#include <array>
#include <utility>

#include "daemon/base/cpu_list.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/state/field_reader.h"
#include "daemon/state/network_json.h"
#include "daemon/state/record_fields.h"

namespace flatvm::state {
namespace {

constexpr std::array<std::pair<broker::VmState, std::string_view>, 4> kVmStates = {
    {{broker::VmState::kCreating, "creating"},
     {broker::VmState::kRunning, "running"},
     {broker::VmState::kStopped, "stopped"},
     {broker::VmState::kDestroying, "destroying"}}};

constexpr std::array<std::pair<broker::TenantState, std::string_view>, 3> kTenantStates = {
    {{broker::TenantState::kCreating, "creating"},
     {broker::TenantState::kReady, "ready"},
     {broker::TenantState::kRemoving, "removing"}}};

Json ResourcesJson(const broker::Resources& resources) {
  return Json{{"memory_mib", resources.memory_mib},
              {"vcpus", resources.vcpus},
              {"vms", resources.vms},
              {"disk_mib", resources.disk_mib}};
}

broker::Resources ReadResources(FieldReader reader, FieldReader* outer) {
  broker::Resources resources{.memory_mib = reader.Number("memory_mib"),
                              .vcpus = reader.Number("vcpus"),
                              .vms = reader.Number("vms"),
                              .disk_mib = reader.Number("disk_mib")};
  outer->Keep(reader);
  return resources;
}

constexpr std::array<std::pair<broker::CarveMode, std::string_view>, 2> kCarveModes = {
    {{broker::CarveMode::kReserved, "reserved"}, {broker::CarveMode::kBalloon, "balloon"}}};

// 0 on disk, as on the wire: no limit.
uint64_t IoNumber(uint64_t limit) { return limit == cgroups::kNoLimit ? 0 : limit; }

uint64_t ReadIoNumber(FieldReader& reader, const char* key) {
  const int64_t number = reader.BigNumber(key);
  if (number < 0) reader.Keep(base::InternalError(base::StrCat("io.", key, ": is negative")));
  return number <= 0 ? cgroups::kNoLimit : static_cast<uint64_t>(number);
}

Json IoJson(const cgroups::IoLimits& io) {
  return Json{{"read_bytes", IoNumber(io.read_bytes)},
              {"write_bytes", IoNumber(io.write_bytes)},
              {"read_operations", IoNumber(io.read_operations)},
              {"write_operations", IoNumber(io.write_operations)}};
}

cgroups::IoLimits ReadIo(FieldReader reader, FieldReader* outer) {
  cgroups::IoLimits io{.read_bytes = ReadIoNumber(reader, "read_bytes"),
                       .write_bytes = ReadIoNumber(reader, "write_bytes"),
                       .read_operations = ReadIoNumber(reader, "read_operations"),
                       .write_operations = ReadIoNumber(reader, "write_operations")};
  outer->Keep(reader);
  return io;
}

std::vector<uint32_t> ReadCpus(FieldReader& reader) {
  const std::string text = reader.Text("cpus");
  if (text.empty()) return {};
  auto cpus = base::ParseCpuList("cpus", text);
  if (cpus.ok()) return *std::move(cpus);
  reader.Keep(base::InternalError(base::StrCat("cpus: ", base::Message(cpus.status()))));
  return {};
}

broker::Carve ReadCarve(FieldReader reader, FieldReader* outer) {
  broker::Carve carve{.mode = ValueOf(kCarveModes, "mode", reader),
                      .primary_min_memory_mib = reader.Number("primary_min_memory_mib")};
  outer->Keep(reader);
  return carve;
}

Json SpecJson(const broker::VmSpec& spec) {
  return Json{{"name", spec.name},
              {"image", spec.image},
              {"memory_mib", spec.memory_mib},
              {"vcpus", spec.vcpus},
              {"disk_mib", spec.disk_mib},
              {"volume", spec.volume},
              {"data_volumes", spec.data_volumes},
              {"quota_path", spec.quota_path},
              {"networks", spec.networks}};
}

broker::VmSpec ReadSpec(FieldReader reader, FieldReader* outer) {
  broker::VmSpec spec{.name = reader.Text("name"),
                      .image = reader.Text("image"),
                      .memory_mib = reader.Number("memory_mib"),
                      .vcpus = reader.Number("vcpus"),
                      .disk_mib = reader.Number("disk_mib"),
                      .volume = reader.OptionalText("volume"),
                      .data_volumes = reader.OptionalTexts("data_volumes"),
                      .quota_path = reader.OptionalText("quota_path"),
                      .networks = reader.OptionalTexts("networks")};
  outer->Keep(reader);
  return spec;
}

}  // namespace

std::string FormatTenant(const broker::TenantRecord& record) {
  return Dump(Json{{"version", kRecordVersion},
                   {"name", record.name},
                   {"state", NameOf(kTenantStates, record.state)},
                   {"limits", ResourcesJson(record.limits)},
                   {"io", IoJson(record.io)},
                   {"cpus", base::FormatCpuList(record.cpus)},
                   {"carve",
                    {{"mode", NameOf(kCarveModes, record.carve.mode)},
                     {"primary_min_memory_mib", record.carve.primary_min_memory_mib}}},
                   {"quota_disk_mib", record.quota_disk_mib},
                   {"primary",
                    {{"uuid", record.primary_uuid},
                     {"domain", record.primary_domain},
                     {"memory_mib", record.primary_memory_mib},
                     {"vcpus", record.primary_vcpus},
                     {"boot_id", record.primary_boot_id}}},
                   {"cid", record.cid.value},
                   {"mac", record.mac},
                   {"address", record.address.ToString()},
                   {"subnet", record.subnet.ToString()},
                   {"ipv6_prefix", record.prefix ? record.prefix->ToString() : ""},
                   {"network_mode", NetworkModeText(record.network_mode)},
                   {"forwards", ForwardsJson(record.forwards)},
                   {"net", CeilingsJson(record.ceilings)},
                   {"networks", NetworksJson(record.networks)},
                   {"undo",
                    {{"before_xml", record.undo.before_xml},
                     {"after_xml", record.undo.after_xml},
                     {"partition", record.undo.attachment.partition},
                     {"network", record.undo.attachment.network},
                     {"hotplug_slots", record.undo.attachment.hotplug_slots}}},
                   {"created_at_us", Microseconds(record.created_at)},
                   {"request_id", record.request_id}});
}

absl::StatusOr<broker::TenantRecord> ParseTenant(std::string_view text) {
  const nlohmann::json json = ParseObject(text);
  FieldReader reader(json, "");
  CheckVersion(reader);
  broker::TenantRecord record;
  record.name = reader.Text("name");
  record.state = ValueOf(kTenantStates, "state", reader);
  record.limits = ReadResources(reader.Object("limits"), &reader);
  record.io = ReadIo(reader.Object("io"), &reader);
  record.cpus = ReadCpus(reader);
  record.carve = ReadCarve(reader.Object("carve"), &reader);
  record.quota_disk_mib = reader.OptionalNumber("quota_disk_mib");
  FieldReader primary = reader.Object("primary");
  record.primary_uuid = primary.Text("uuid");
  record.primary_domain = primary.Text("domain");
  record.primary_memory_mib = primary.Number("memory_mib");
  record.primary_vcpus = primary.Number("vcpus");
  record.primary_boot_id = primary.Text("boot_id");
  reader.Keep(primary);
  record.cid = base::VsockCid{reader.Number("cid")};
  record.mac = reader.Text("mac");
  record.address = ReadIpv4Address(reader);
  const auto subnet = network::ParseIpv4Subnet("subnet", reader.Text("subnet"));
  reader.Keep(subnet.status());
  if (subnet.ok()) record.subnet = *subnet;
  record.prefix = ReadPrefix(reader);
  record.network_mode = ReadNetworkMode(reader);
  record.forwards = ReadForwards(reader);
  record.ceilings = ReadCeilings(reader);
  record.networks = ReadNetworks(reader);
  FieldReader undo = reader.Object("undo");
  record.undo = hypervisor::PrimaryUndo{
      .uuid = record.primary_uuid,
      .before_xml = undo.Text("before_xml"),
      .after_xml = undo.Text("after_xml"),
      .attachment = {.tenant = record.name,
                     .cid = record.cid,
                     .partition = undo.Text("partition"),
                     .network = undo.Text("network"),
                     .mac = record.mac,
                     .hotplug_slots = undo.OptionalNumber("hotplug_slots")}};
  reader.Keep(undo);
  record.created_at = TimeOf(reader.BigNumber("created_at_us"));
  record.request_id = reader.Text("request_id");
  FLATVM_RETURN_IF_ERROR(reader.status());
  return record;
}

std::string FormatVm(const broker::VmRecord& record) {
  Json stages = Json::array();
  for (const broker::StageDuration& stage : record.stages) {
    stages.push_back(Json{{"stage", stage.stage}, {"duration_us", stage.duration_us}});
  }
  return Dump(Json{{"version", kRecordVersion},
                   {"id", record.id},
                   {"tenant", record.tenant},
                   {"state", NameOf(kVmStates, record.state)},
                   {"asked", SpecJson(record.asked)},
                   {"spec", SpecJson(record.spec)},
                   {"image_id", record.image_id},
                   {"address", record.address.ToString()},
                   {"ipv6_address", record.ipv6_address ? record.ipv6_address->ToString() : ""},
                   {"mac", record.mac},
                   {"nics", NicsJson(record.nics)},
                   {"cid", record.cid.value},
                   {"created_at_us", Microseconds(record.created_at)},
                   {"stages", stages},
                   {"request_id", record.request_id},
                   {"own_volume", record.own_volume},
                   {"return_disk", record.return_disk}});
}

absl::StatusOr<broker::VmRecord> ParseVm(std::string_view text) {
  const nlohmann::json json = ParseObject(text);
  FieldReader reader(json, "");
  CheckVersion(reader);
  broker::VmRecord record;
  record.id = reader.Text("id");
  record.tenant = reader.Text("tenant");
  record.state = ValueOf(kVmStates, "state", reader);
  record.asked = ReadSpec(reader.Object("asked"), &reader);
  record.spec = ReadSpec(reader.Object("spec"), &reader);
  record.image_id = reader.OptionalText("image_id");
  record.address = ReadIpv4Address(reader);
  record.ipv6_address = ReadIpv6Address(reader);
  record.mac = reader.Text("mac");
  record.nics = ReadNics(reader);
  record.cid = base::VsockCid{reader.Number("cid")};
  record.created_at = TimeOf(reader.BigNumber("created_at_us"));
  for (FieldReader& stage : reader.Objects("stages")) {
    record.stages.push_back(broker::StageDuration{.stage = stage.Text("stage"),
                                                  .duration_us = stage.Number("duration_us")});
    reader.Keep(stage);
  }
  record.request_id = reader.Text("request_id");
  record.own_volume = reader.OptionalText("own_volume");
  record.return_disk = reader.OptionalFlag("return_disk");
  FLATVM_RETURN_IF_ERROR(reader.status());
  return record;
}

std::string FormatNextCid(uint32_t next_cid) {
  return Dump(Json{{"version", kRecordVersion}, {"next_cid", next_cid}});
}

absl::StatusOr<uint32_t> ParseNextCid(std::string_view text) {
  const nlohmann::json json = ParseObject(text);
  FieldReader reader(json, "");
  CheckVersion(reader);
  const uint32_t next_cid = reader.Number("next_cid");
  FLATVM_RETURN_IF_ERROR(reader.status());
  return next_cid;
}

}  // namespace flatvm::state
