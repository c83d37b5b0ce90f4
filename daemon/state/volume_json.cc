#include "daemon/state/volume_json.h"

#include "daemon/base/error.h"
#include "daemon/state/field_reader.h"
#include "daemon/state/record_fields.h"
#include "daemon/state/record_json.h"

namespace flatvm::state {
namespace {

constexpr StateNames<broker::VolumeState, 5> kVolumeStates = {
    {{broker::VolumeState::kCreating, "creating"},
     {broker::VolumeState::kReady, "ready"},
     {broker::VolumeState::kDeleting, "deleting"},
     {broker::VolumeState::kMoving, "moving"},
     {broker::VolumeState::kReturning, "returning"}}};

}  // namespace

std::string FormatVolume(const broker::VolumeRecord& record) {
  return Dump(Json{{"version", kRecordVersion},
                   {"id", record.id},
                   {"tenant", record.tenant},
                   {"name", record.name},
                   {"state", NameOf(kVolumeStates, record.state)},
                   {"size_mib", record.size_mib},
                   {"on_primary", record.on_primary},
                   {"created_at_us", Microseconds(record.created_at)},
                   {"request_id", record.request_id},
                   {"asked",
                    {{"size_mib", record.asked_size_mib},
                     {"clone_of", record.asked_clone_of},
                     {"quota_path", record.asked_quota_path}}},
                   {"quota_mib", record.quota_mib},
                   {"image_bytes", record.image_bytes},
                   {"cuts", record.cuts},
                   {"new_disk_mib", record.new_disk_mib}});
}

absl::StatusOr<broker::VolumeRecord> ParseVolume(std::string_view text) {
  const nlohmann::json json = ParseObject(text);
  FieldReader reader(json, "");
  CheckVersion(reader);
  broker::VolumeRecord record;
  record.id = reader.Text("id");
  record.tenant = reader.Text("tenant");
  record.name = reader.Text("name");
  record.state = ValueOf(kVolumeStates, "state", reader);
  record.size_mib = reader.Number("size_mib");
  record.on_primary = reader.Flag("on_primary");
  record.created_at = TimeOf(reader.BigNumber("created_at_us"));
  record.request_id = reader.Text("request_id");
  FieldReader asked = reader.Object("asked");
  record.asked_size_mib = asked.Number("size_mib");
  record.asked_clone_of = asked.Text("clone_of");
  record.asked_quota_path = asked.Text("quota_path");
  reader.Keep(asked);
  record.quota_mib = reader.Number("quota_mib");
  const int64_t image_bytes = reader.BigNumber("image_bytes");
  if (image_bytes < 0) reader.Keep(base::InternalError("image_bytes: is negative"));
  record.image_bytes = static_cast<uint64_t>(image_bytes);
  record.cuts = reader.Text("cuts");
  record.new_disk_mib = reader.Number("new_disk_mib");
  FLATVM_RETURN_IF_ERROR(reader.status());
  return record;
}

}  // namespace flatvm::state
