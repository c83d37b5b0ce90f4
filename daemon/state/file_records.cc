#include "daemon/state/file_records.h"

#include <utility>
#include <vector>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/state/image_json.h"
#include "daemon/state/record_json.h"
#include "daemon/state/volume_json.h"

namespace flatvm::state {
namespace {

// The largest record is a tenant's, with its primary's definition in it twice: libvirt caps one at
// a few MiB.
constexpr size_t kMaxRecordBytes = size_t{16} * 1024 * 1024;
// QEMU, which is not root, must reach the disks below; nobody but root may list.
constexpr unsigned kDirectoryMode = 0711;
constexpr std::string_view kSuffix = ".json";

// Names come from records and from the disk: nothing else may become part of a path.
absl::Status CheckPath(const std::string& tenant) {
  if (base::IsName(tenant)) return absl::OkStatus();
  return base::InternalError(base::StrCat("not a tenant's name: ", base::EscapeForLog(tenant, 60)));
}

// `id` is a secondary's, a volume's or an image's.
absl::Status CheckPath(const std::string& tenant, const std::string& id) {
  FLATVM_RETURN_IF_ERROR(CheckPath(tenant));
  if (base::IsUuid(id)) return absl::OkStatus();
  return base::InternalError(base::StrCat("not an id: ", base::EscapeForLog(id, 60)));
}

std::string PathIn(const std::string& directory, const std::string& id) {
  return base::StrCat(directory, "/", id, kSuffix);
}

template <typename Record>
absl::StatusOr<Record> ReadRecord(const std::string& path,
                                  absl::StatusOr<Record> (*parse)(std::string_view)) {
  FLATVM_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxRecordBytes));
  absl::StatusOr<Record> record = parse(text);
  if (record.ok()) return record;
  return base::WithContext(record.status(), path);
}

// Every <id>.json in the directory, which need not be there.
template <typename Record>
absl::Status LoadRecords(const std::string& directory, const std::string& tenant,
                         absl::StatusOr<Record> (*parse)(std::string_view),
                         std::vector<Record>* records) {
  FLATVM_ASSIGN_OR_RETURN(const auto entries, base::ListDirectory(directory));
  for (const std::string& entry : entries) {
    if (!std::string_view(entry).ends_with(kSuffix))
      continue;  // a secondary's, volume's or image's files, or a torn ".new"
    const std::string path = base::StrCat(directory, "/", entry);
    FLATVM_ASSIGN_OR_RETURN(Record record, ReadRecord(path, parse));
    if (record.tenant != tenant || base::StrCat(record.id, kSuffix) != entry) {
      return base::InternalError(base::StrCat(path, ": id or tenant: is another's"));
    }
    records->push_back(std::move(record));
  }
  return absl::OkStatus();
}

}  // namespace

std::string FileRecords::TenantDir(const std::string& tenant) const {
  return base::StrCat(state_dir_, "/tenants/", tenant);
}

std::string FileRecords::VmsDir(const std::string& tenant) const {
  return TenantDir(tenant) + "/vms";
}

std::string FileRecords::VolumesDir(const std::string& tenant) const {
  return TenantDir(tenant) + "/volumes";
}

std::string FileRecords::ImagesDir(const std::string& tenant) const {
  return TenantDir(tenant) + "/images";
}

absl::Status FileRecords::PutTenant(const broker::TenantRecord& record) {
  FLATVM_RETURN_IF_ERROR(CheckPath(record.name));
  FLATVM_RETURN_IF_ERROR(
      base::MakeDirectoryDurably(base::StrCat(state_dir_, "/tenants"), kDirectoryMode));
  FLATVM_RETURN_IF_ERROR(base::MakeDirectoryDurably(TenantDir(record.name), kDirectoryMode));
  return base::WriteFileDurably(base::StrCat(TenantDir(record.name), "/tenant.json"),
                                FormatTenant(record));
}

absl::Status FileRecords::RemoveTenant(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckPath(tenant));
  FLATVM_ASSIGN_OR_RETURN(const auto entries, base::ListDirectory(TenantDir(tenant)));
  if (entries.empty()) return absl::OkStatus();
  return base::RemoveFileDurably(base::StrCat(TenantDir(tenant), "/tenant.json"));
}

absl::Status FileRecords::PutVm(const broker::VmRecord& record) {
  FLATVM_RETURN_IF_ERROR(CheckPath(record.tenant, record.id));
  const std::string directory = VmsDir(record.tenant);
  FLATVM_RETURN_IF_ERROR(base::MakeDirectoryDurably(directory, kDirectoryMode));
  return base::WriteFileDurably(PathIn(directory, record.id), FormatVm(record));
}

absl::Status FileRecords::RemoveVm(const std::string& tenant, const std::string& vm_id) {
  FLATVM_RETURN_IF_ERROR(CheckPath(tenant, vm_id));
  return base::RemoveFileDurably(PathIn(VmsDir(tenant), vm_id));
}

absl::Status FileRecords::PutVolume(const broker::VolumeRecord& record) {
  FLATVM_RETURN_IF_ERROR(CheckPath(record.tenant, record.id));
  const std::string directory = VolumesDir(record.tenant);
  FLATVM_RETURN_IF_ERROR(base::MakeDirectoryDurably(directory, kDirectoryMode));
  return base::WriteFileDurably(PathIn(directory, record.id), FormatVolume(record));
}

absl::Status FileRecords::RemoveVolume(const std::string& tenant, const std::string& volume_id) {
  FLATVM_RETURN_IF_ERROR(CheckPath(tenant, volume_id));
  return base::RemoveFileDurably(PathIn(VolumesDir(tenant), volume_id));
}

absl::Status FileRecords::PutImage(const broker::ImageRecord& record) {
  FLATVM_RETURN_IF_ERROR(CheckPath(record.tenant, record.id));
  const std::string directory = ImagesDir(record.tenant);
  FLATVM_RETURN_IF_ERROR(base::MakeDirectoryDurably(directory, kDirectoryMode));
  return base::WriteFileDurably(PathIn(directory, record.id), FormatImage(record));
}

absl::Status FileRecords::RemoveImage(const std::string& tenant, const std::string& image_id) {
  FLATVM_RETURN_IF_ERROR(CheckPath(tenant, image_id));
  return base::RemoveFileDurably(PathIn(ImagesDir(tenant), image_id));
}

absl::Status FileRecords::PutNextCid(uint32_t next_cid) {
  return base::WriteFileDurably(base::StrCat(state_dir_, "/cids.json"), FormatNextCid(next_cid));
}

absl::Status FileRecords::LoadTenant(const std::string& tenant, broker::StoredState* stored) {
  FLATVM_RETURN_IF_ERROR(CheckPath(tenant));
  auto record = ReadRecord(base::StrCat(TenantDir(tenant), "/tenant.json"), &ParseTenant);
  // A directory without a record: a create ended before its intent, or a remove after its end.
  if (record.status().code() == absl::StatusCode::kNotFound) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(record.status());
  if (record->name != tenant) {
    return base::InternalError(base::StrCat(TenantDir(tenant), "/tenant.json: name: is another's"));
  }
  stored->tenants.push_back(*std::move(record));

  FLATVM_RETURN_IF_ERROR(LoadRecords(VmsDir(tenant), tenant, &ParseVm, &stored->vms));
  // Not there at a tenant of an older flatvm.
  FLATVM_RETURN_IF_ERROR(LoadRecords(VolumesDir(tenant), tenant, &ParseVolume, &stored->volumes));
  return LoadRecords(ImagesDir(tenant), tenant, &ParseImage, &stored->images);
}

absl::StatusOr<broker::StoredState> FileRecords::Load() {
  broker::StoredState stored;
  auto next_cid = ReadRecord(base::StrCat(state_dir_, "/cids.json"), &ParseNextCid);
  if (next_cid.ok()) {
    stored.next_cid = *next_cid;
  } else if (next_cid.status().code() != absl::StatusCode::kNotFound) {
    return next_cid.status();
  }
  FLATVM_ASSIGN_OR_RETURN(const auto tenants,
                          base::ListDirectory(base::StrCat(state_dir_, "/tenants")));
  for (const std::string& tenant : tenants) {
    FLATVM_RETURN_IF_ERROR(LoadTenant(tenant, &stored));
  }
  return stored;
}

}  // namespace flatvm::state
