#include "tests/fakes/fake_primary_disks.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/spec_check.h"

namespace flatvm::fakes {
namespace {

using hypervisor::PrimaryDisk;

bool Has(const std::vector<PrimaryDisk>& disks, const std::string& path) {
  return std::any_of(disks.begin(), disks.end(),
                     [&](const PrimaryDisk& disk) { return disk.path == path; });
}

void Remove(std::vector<PrimaryDisk>* disks, const std::string& path) {
  std::erase_if(*disks, [&](const PrimaryDisk& disk) { return disk.path == path; });
}

}  // namespace

std::map<std::string, FakeDisks> FakePrimaryDisks::Snapshot() const {
  std::map<std::string, FakeDisks> snapshot;
  for (const auto& [name, primary] : hypervisor_.Snapshot().primaries) {
    if (primary.disks.empty() && primary.run.disks.empty()) continue;
    snapshot[primary.uuid] = FakeDisks{.live = primary.run.disks,
                                       .defined = primary.disks,
                                       .sizes_bytes = primary.run.sizes_bytes};
  }
  return snapshot;
}

void FakePrimaryDisks::SetGuest(DiskGuest guest) {
  const std::lock_guard lock(mutex_);
  guest_ = guest;
}

bool FakePrimaryDisks::GuestKeeps() {
  const std::lock_guard lock(mutex_);
  return guest_ == DiskGuest::kKeeps;
}

void FakePrimaryDisks::TakeSlots(bool taken) {
  const std::lock_guard lock(mutex_);
  slots_taken_ = taken;
}

bool FakePrimaryDisks::HasSlots() {
  const std::lock_guard lock(mutex_);
  return !slots_taken_;
}

absl::Status FakePrimaryDisks::AttachToDefinition(const std::string& uuid,
                                                  const PrimaryDisk& disk) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  return hypervisor_.UsePrimary(uuid, [&](FakePrimary* primary) {
    FLATVM_RETURN_IF_ERROR(hypervisor::CheckPrimaryDisk(disk));
    const bool persistent = !primary->definition_xml.empty();
    if (persistent && !Has(primary->disks, disk.path)) primary->disks.push_back(disk);
    return absl::OkStatus();
  });
}

absl::Status FakePrimaryDisks::Attach(const std::string& uuid, const PrimaryDisk& disk) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const bool has_slots = HasSlots();
  return hypervisor_.UsePrimary(uuid, [&](FakePrimary* primary) {
    FLATVM_RETURN_IF_ERROR(hypervisor::CheckPrimaryDisk(disk));
    const bool running = !primary->live_xml.empty();
    const bool persistent = !primary->definition_xml.empty();
    if (running && !Has(primary->run.disks, disk.path)) {
      if (!has_slots) {
        return base::MakeError(absl::StatusCode::kFailedPrecondition,
                               base::Reason::kPrimaryHasNoSlot, "no port is free");
      }
      primary->run.disks.push_back(disk);
    }
    if (persistent && !Has(primary->disks, disk.path)) primary->disks.push_back(disk);
    return absl::OkStatus();
  });
}

absl::Status FakePrimaryDisks::Detach(const std::string& uuid, const std::string& path,
                                      std::chrono::milliseconds timeout) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const bool keeps = GuestKeeps();
  const absl::Status status = hypervisor_.UsePrimary(uuid, [&](FakePrimary* primary) {
    if (keeps && Has(primary->run.disks, path)) {
      return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryKeepsDisk,
                             base::StrCat("the primary's guest did not let go of the disk within ",
                                          timeout.count(), " ms; unmount it there and try again"));
    }
    Remove(&primary->run.disks, path);
    primary->run.sizes_bytes.erase(path);
    Remove(&primary->disks, path);
    return absl::OkStatus();
  });
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status FakePrimaryDisks::AnnounceSize(const std::string& uuid, const std::string& path,
                                            uint64_t size_bytes) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  if (size_bytes == 0 || size_bytes % 512 != 0) return base::InternalError("no size of a disk");
  return hypervisor_.UsePrimary(uuid, [&](FakePrimary* primary) {
    if (Has(primary->run.disks, path)) primary->run.sizes_bytes[path] = size_bytes;
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<std::string>> FakePrimaryDisks::ListLive(const std::string& uuid) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  std::vector<std::string> paths;
  FLATVM_RETURN_IF_ERROR(hypervisor_.UsePrimary(uuid, [&](FakePrimary* primary) {
    for (const PrimaryDisk& disk : primary->run.disks) paths.push_back(disk.path);
    return absl::OkStatus();
  }));
  return paths;
}

}  // namespace flatvm::fakes
