// The disk of a secondary that is made of an image on the quota disk: the image's way out for one
// create, and back if that fails.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/quota_moves.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"

namespace flatvm::broker {

// From its beginning to its end the primary is without the quota disk: its guest does not mount
// what may have to go once more. Thread-compatible; calls block as QuotaMoves' do.
class OwnDisk {
 public:
  // `spec` is the secondary's, with a quota_path; the volume is to have its name.
  OwnDisk(QuotaMoves& moves, Registry& registry, const std::string& tenant,
          const std::string& request_id, const VmSpec& spec)
      : moves_(moves),
        registry_(registry),
        tenant_(tenant),
        request_id_(request_id),
        name_(spec.name),
        path_(spec.quota_path) {}
  OwnDisk(const OwnDisk&) = delete;
  OwnDisk& operator=(const OwnDisk&) = delete;

  // Whether it can be had, for admission. True: a volume is there already that an earlier attempt
  // of the same request left. Errors: FAILED_PRECONDITION / kNoQuotaDisk; ALREADY_EXISTS /
  // kVolumeNameTaken.
  absl::StatusOr<bool> FindLeft(TenantEntry& tenant) const;

  // Errors: as QuotaMoves::Extract.
  absl::StatusOr<VolumeRecord> TakeOut();

  // Undoes TakeOut, when nothing runs on the volume. Never fails: what cannot go back stays as a
  // volume, and left() says so.
  void PutBack();

  // Undoes nothing: somebody may still write to the volume.
  void Keep();

  // The primary has the quota disk again. A failure is logged and tried again.
  void PlugIn() { turn_.reset(); }

  // What a create that failed could not undo, for its caller; empty: nothing.
  const std::string& left() const { return left_; }

 private:
  // The volume of this name, if it came by this request.
  const VolumeRecord* Find(TenantEntry& tenant) const;

  QuotaMoves& moves_;
  Registry& registry_;
  const std::string tenant_;
  const std::string request_id_;
  const std::string name_;
  const std::string path_;
  std::unique_ptr<QuotaTurn> turn_;
  std::string volume_id_;  // of what TakeOut gave
  std::string left_;
};

}  // namespace flatvm::broker
