#include "daemon/hypervisor/libvirt_primary_disks.h"

#include <libvirt/libvirt.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/rollback.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/domain_lookup.h"
#include "daemon/hypervisor/primary_disk_xml.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/device_removals.h"
#include "daemon/libvirt/errors.h"

namespace flatvm::hypervisor {
namespace {

using libvirt::LastError;

// libvirt's event comes at once; this is for one that got lost.
constexpr std::chrono::milliseconds kLook{500};
// Linux' PCIe hotplug driver takes a second request within 5 s for a change of mind.
constexpr std::chrono::seconds kAskAgainAfter{5};
constexpr std::chrono::seconds kUndoTimeout{5};
constexpr uint64_t kSectorBytes = 512;

// What a wait for a guest is made of.
struct Wait {
  libvirt::DeviceRemovals& removals;
  const base::Clock& clock;
};

absl::Status NoSlot() {
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryHasNoSlot,
      "no PCIe port of the primary is free for one more disk; detach another volume, or restart "
      "the primary if it has not been restarted since it got its tenant");
}

absl::Status KeepsDisk(std::chrono::milliseconds timeout) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryKeepsDisk,
                         base::StrCat("the primary's guest did not let go of the disk within ",
                                      timeout.count(), " ms; unmount it there and try again"));
}

absl::StatusOr<DiskFacts> ReadDisks(virDomainPtr domain, Definition definition) {
  FLATVM_ASSIGN_OR_RETURN(const std::string xml, ReadXml(domain, definition));
  return ParseDisks(xml);
}

// Of the running instance; no disks if there is none.
absl::StatusOr<DiskFacts> ReadLive(virDomainPtr domain) {
  FLATVM_ASSIGN_OR_RETURN(DiskFacts facts, ReadDisks(domain, Definition::kCurrent));
  if (!facts.running) facts.disks.clear();
  return facts;
}

absl::StatusOr<std::optional<FoundDisk>> FindLive(virDomainPtr domain, const std::string& path) {
  FLATVM_ASSIGN_OR_RETURN(const DiskFacts live, ReadLive(domain));
  return FindDisk(live, path);
}

// Of the persistent definition, or nothing if there is none.
absl::StatusOr<std::optional<DiskFacts>> FindDefined(virDomainPtr domain) {
  FLATVM_ASSIGN_OR_RETURN(const bool persistent, IsPersistent(domain));
  if (!persistent) return std::optional<DiskFacts>();
  FLATVM_ASSIGN_OR_RETURN(DiskFacts facts, ReadDisks(domain, Definition::kPersistent));
  return std::optional<DiskFacts>(std::move(facts));
}

bool Says(const absl::Status& status, std::string_view text) {
  return base::Message(status).find(text) != std::string_view::npos;
}

// OK also if the domain no longer runs when it fails: then there is nothing to plug it into.
absl::Status AttachLive(virDomainPtr domain, const std::string& disk_xml) {
  if (virDomainAttachDeviceFlags(domain, disk_xml.c_str(), VIR_DOMAIN_AFFECT_LIVE) == 0) {
    return absl::OkStatus();
  }
  const absl::Status failure = LastError("plugging a disk into a primary");
  if (absl::IsUnavailable(failure)) return failure;
  FLATVM_ASSIGN_OR_RETURN(const DiskFacts live, ReadLive(domain));
  if (!live.running) return absl::OkStatus();
  // libvirt has no code for it, and its text may be a translation.
  return !live.has_slot || Says(failure, "No more available PCI slots") ? NoSlot() : failure;
}

// Asks the guest to let go of a disk; does not wait for it. OK if it has been asked before.
absl::Status AskForDisk(virDomainPtr domain, const FoundDisk& disk) {
  if (virDomainDetachDeviceAlias(domain, disk.alias.c_str(), VIR_DOMAIN_AFFECT_LIVE) == 0) {
    return absl::OkStatus();
  }
  const absl::Status failure = LastError("unplugging a disk from a primary");
  // QEMU's own text, which is not translated; libvirt hands it on.
  if (Says(failure, "already in the process of unplug")) return absl::OkStatus();
  return failure;
}

// libvirt takes a disk out of its XML in the middle of the job that closes the file and gives it
// back to its owner. A call that needs a job of its own waits for that one's end.
absl::Status WaitForJob(virDomainPtr domain) {
  if (virDomainGetDiskErrors(domain, nullptr, 0, 0) >= 0) return absl::OkStatus();
  const absl::Status failure = LastError("waiting for a primary's disk to close");
  if (absl::IsUnavailable(failure)) return failure;
  FLATVM_ASSIGN_OR_RETURN(const DiskFacts live, ReadLive(domain));
  return live.running ? failure : absl::OkStatus();
}

// `meanwhile`, which may be empty, is done once, while the guest lets go, and before the last look:
// an instance that starts behind it is looked at, too.
absl::Status DetachLive(virDomainPtr domain, const std::string& path,
                        std::chrono::milliseconds timeout, const Wait& wait,
                        std::function<absl::Status()> meanwhile = nullptr) {
  FLATVM_RETURN_IF_ERROR(wait.removals.EnsureRegistered());
  const auto begin = wait.clock.Steady();
  auto next_ask = begin;
  absl::Status asked;
  while (true) {
    const uint64_t removed = wait.removals.Count();
    FLATVM_ASSIGN_OR_RETURN(const DiskFacts live, ReadLive(domain));
    const std::optional<FoundDisk> disk = FindDisk(live, path);
    if (!disk && meanwhile) {
      FLATVM_RETURN_IF_ERROR(std::exchange(meanwhile, nullptr)());
      continue;
    }
    if (!live.running) return absl::OkStatus();
    if (!disk) return WaitForJob(domain);
    if (!asked.ok()) return asked;
    const auto now = wait.clock.Steady();
    if (now >= next_ask) {
      asked = AskForDisk(domain, *disk);
      if (!asked.ok()) continue;  // it may have gone meanwhile
      next_ask = now + kAskAgainAfter;
      if (meanwhile) FLATVM_RETURN_IF_ERROR(std::exchange(meanwhile, nullptr)());
    }
    if (now - begin >= timeout) return KeepsDisk(timeout);
    wait.removals.WaitForMore(
        removed, std::min<std::chrono::steady_clock::duration>(kLook, timeout - (now - begin)));
  }
}

// `taken` gets its XML if it was there.
absl::Status DetachDefined(virDomainPtr domain, const std::string& path, std::string* taken) {
  FLATVM_ASSIGN_OR_RETURN(const std::optional<DiskFacts> defined, FindDefined(domain));
  const std::optional<FoundDisk> disk = defined ? FindDisk(*defined, path) : std::nullopt;
  if (!disk) return absl::OkStatus();
  if (virDomainDetachDeviceFlags(domain, disk->xml.c_str(), VIR_DOMAIN_AFFECT_CONFIG) == 0) {
    *taken = disk->xml;
    return absl::OkStatus();
  }
  return LastError("taking a disk out of a primary's definition");
}

void PutBackDefined(virDomainPtr domain, const std::string& disk_xml, base::Logger& log) {
  if (virDomainAttachDeviceFlags(domain, disk_xml.c_str(), VIR_DOMAIN_AFFECT_CONFIG) == 0) return;
  log.Log(base::LogLevel::kWarning,
          base::Message(LastError("putting a disk back into a primary's definition")));
}

absl::Status AttachDefined(virDomainPtr domain, const PrimaryDisk& disk,
                           const std::optional<DiskFacts>& defined, const std::string& xml) {
  if (!defined || FindDisk(*defined, disk.path)) return absl::OkStatus();
  if (virDomainAttachDeviceFlags(domain, xml.c_str(), VIR_DOMAIN_AFFECT_CONFIG) == 0) {
    return absl::OkStatus();
  }
  return LastError("putting a disk into a primary's definition");
}

enum class PlugInto { kRunningToo, kDefinition };

absl::Status AttachDisk(virDomainPtr domain, const PrimaryDisk& disk, PlugInto where,
                        base::RollbackStack* rollback, const Wait& wait) {
  FLATVM_ASSIGN_OR_RETURN(const DiskFacts live, ReadLive(domain));
  FLATVM_ASSIGN_OR_RETURN(const std::optional<DiskFacts> defined, FindDefined(domain));
  FLATVM_ASSIGN_OR_RETURN(const std::string xml,
                          BuildDiskXml(disk, FreeTarget(live, defined.value_or(DiskFacts{}))));
  if (where == PlugInto::kRunningToo && live.running && !FindDisk(live, disk.path)) {
    FLATVM_RETURN_IF_ERROR(AttachLive(domain, xml));
    rollback->Push("plugging a disk in", [domain, path = disk.path, &wait] {
      return DetachLive(domain, path, kUndoTimeout, wait);
    });
  }
  return AttachDefined(domain, disk, defined, xml);
}

absl::Status ResizeLive(virDomainPtr domain, const std::string& path, uint64_t size_bytes) {
  FLATVM_ASSIGN_OR_RETURN(const std::optional<FoundDisk> disk, FindLive(domain, path));
  if (!disk) return absl::OkStatus();
  if (virDomainBlockResize(domain, disk->target.c_str(), size_bytes,
                           VIR_DOMAIN_BLOCK_RESIZE_BYTES) == 0) {
    return absl::OkStatus();
  }
  const absl::Status failure = LastError("telling a primary the size of its disk");
  if (absl::IsUnavailable(failure)) return failure;
  FLATVM_ASSIGN_OR_RETURN(const std::optional<FoundDisk> still, FindLive(domain, path));
  return still ? failure : absl::OkStatus();
}

}  // namespace

LibvirtPrimaryDisks::LibvirtPrimaryDisks(libvirt::Connection& connection, base::Logger& log,
                                         const base::Clock& clock)
    : connection_(connection),
      log_(log),
      clock_(clock),
      removals_(std::make_unique<libvirt::DeviceRemovals>(connection)) {}

LibvirtPrimaryDisks::~LibvirtPrimaryDisks() = default;

absl::Status LibvirtPrimaryDisks::Attach(const std::string& uuid, const PrimaryDisk& disk) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetPrimaryDomain(connection.get(), uuid));
  const Wait wait{.removals = *removals_, .clock = clock_};
  base::RollbackStack rollback(log_, base::LogFields{.op = "attach-disk"});
  const absl::Status status =
      AttachDisk(primary.domain.get(), disk, PlugInto::kRunningToo, &rollback, wait);
  if (status.ok()) rollback.Release();
  return absl::IsNotFound(status) ? NotKnown(uuid) : status;
}

absl::Status LibvirtPrimaryDisks::AttachToDefinition(const std::string& uuid,
                                                     const PrimaryDisk& disk) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetPrimaryDomain(connection.get(), uuid));
  const Wait wait{.removals = *removals_, .clock = clock_};
  base::RollbackStack rollback(log_, base::LogFields{.op = "attach-disk"});
  const absl::Status status =
      AttachDisk(primary.domain.get(), disk, PlugInto::kDefinition, &rollback, wait);
  return absl::IsNotFound(status) ? NotKnown(uuid) : status;
}

absl::Status LibvirtPrimaryDisks::Detach(const std::string& uuid, const std::string& path,
                                         std::chrono::milliseconds timeout) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  const auto primary = GetPrimaryDomain(connection.get(), uuid);
  if (absl::IsNotFound(primary.status())) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(primary.status());
  virDomain* const domain = primary->domain.get();
  // The definition before the instance: one that starts in between does not have the disk.
  std::string taken;
  const absl::Status status =
      DetachLive(domain, path, timeout, {.removals = *removals_, .clock = clock_},
                 [&] { return DetachDefined(domain, path, &taken); });
  if (absl::IsNotFound(status)) return absl::OkStatus();  // it has gone meanwhile
  if (!status.ok() && !taken.empty()) PutBackDefined(domain, taken, log_);
  return status;
}

absl::Status LibvirtPrimaryDisks::AnnounceSize(const std::string& uuid, const std::string& path,
                                               uint64_t size_bytes) {
  if (size_bytes == 0 || size_bytes % kSectorBytes != 0) {
    return base::InternalError(base::StrCat("a disk cannot have ", size_bytes, " bytes"));
  }
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetPrimaryDomain(connection.get(), uuid));
  const absl::Status status = ResizeLive(primary.domain.get(), path, size_bytes);
  return absl::IsNotFound(status) ? NotKnown(uuid) : status;
}

absl::StatusOr<std::vector<std::string>> LibvirtPrimaryDisks::ListLive(const std::string& uuid) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetPrimaryDomain(connection.get(), uuid));
  const auto live = ReadLive(primary.domain.get());
  if (absl::IsNotFound(live.status())) return NotKnown(uuid);
  FLATVM_RETURN_IF_ERROR(live.status());
  std::vector<std::string> paths;
  for (const FoundDisk& disk : live->disks) {
    if (!disk.path.empty()) paths.push_back(disk.path);
  }
  return paths;
}

}  // namespace flatvm::hypervisor
