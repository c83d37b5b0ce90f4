#include "daemon/state/image_json.h"

#include "daemon/base/error.h"
#include "daemon/base/types.h"
#include "daemon/state/field_reader.h"
#include "daemon/state/record_fields.h"
#include "daemon/state/record_json.h"

namespace flatvm::state {
namespace {

constexpr StateNames<broker::ImageState, 3> kImageStates = {
    {{broker::ImageState::kImporting, "importing"},
     {broker::ImageState::kReady, "ready"},
     {broker::ImageState::kDeleting, "deleting"}}};

constexpr StateNames<base::DiskFormat, 2> kFormats = {
    {{base::DiskFormat::kRaw, "raw"}, {base::DiskFormat::kQcow2, "qcow2"}}};

}  // namespace

std::string FormatImage(const broker::ImageRecord& record) {
  return Dump(Json{{"version", kRecordVersion},
                   {"id", record.id},
                   {"tenant", record.tenant},
                   {"name", record.name},
                   {"state", NameOf(kImageStates, record.state)},
                   {"format", NameOf(kFormats, record.format)},
                   {"size_bytes", record.size_bytes},
                   {"sha256", record.sha256},
                   {"disk_mib", record.disk_mib},
                   {"created_at_us", Microseconds(record.created_at)}});
}

absl::StatusOr<broker::ImageRecord> ParseImage(std::string_view text) {
  const nlohmann::json json = ParseObject(text);
  FieldReader reader(json, "");
  CheckVersion(reader);
  broker::ImageRecord record;
  record.id = reader.Text("id");
  record.tenant = reader.Text("tenant");
  record.name = reader.Text("name");
  record.state = ValueOf(kImageStates, "state", reader);
  record.format = ValueOf(kFormats, "format", reader);
  const int64_t size_bytes = reader.BigNumber("size_bytes");
  if (size_bytes < 0) reader.Keep(base::InternalError("size_bytes: is negative"));
  record.size_bytes = static_cast<uint64_t>(size_bytes);
  record.sha256 = reader.Text("sha256");
  record.disk_mib = reader.Number("disk_mib");
  record.created_at = TimeOf(reader.BigNumber("created_at_us"));
  FLATVM_RETURN_IF_ERROR(reader.status());
  return record;
}

}  // namespace flatvm::state
