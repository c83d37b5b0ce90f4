// Asks this VM's host for sibling VMs and their disks, over vsock. The only header that a program
// needs:
//
//   flatvm::Client client = flatvm::Client::Create();
//   const flatvm::Result<flatvm::Vm> vm = client.CreateVm(
//       {.name = "web", .image = "tiny", .memory_mib = 192, .vcpus = 1});
//   if (!vm.ok()) {
//     std::cerr << vm.error().message << "\n";
//     return 1;
//   }
//   std::cout << "ssh root@" << vm->address << "\n";
//
// A program that links libflatvm must not contain the protocol's generated code (flatvm/v1/*.proto)
// as well: protobuf refuses to register one file twice.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flatvm/error.h"
#include "flatvm/export.h"
#include "flatvm/image.h"
#include "flatvm/options.h"
#include "flatvm/result.h"
#include "flatvm/tenant.h"
#include "flatvm/vm.h"
#include "flatvm/volume.h"

namespace flatvm {

namespace guestlib {
class ClientImpl;
}

// A connection to the broker, made when first needed, shared by all calls and made again when it is
// lost. Movable; a moved-from client may only be destroyed or assigned to. Thread-safe but for
// that: any number of calls may run at once. Every call blocks, until it is answered or its time is
// up.
//
// Errors of every call, beside those named with it and INTERNAL / kInternalError:
//   PERMISSION_DENIED / kPolicyForbids: not root, or the host does not take this VM for a running
//     primary;
//   UNAVAILABLE / kBrokerUnreachable: no vsock, no broker, or the connection was lost for too long;
//     what the call began may have happened, and repeating it with the same request_id is safe;
//   UNAVAILABLE with another reason: a part of the host is not there just now;
//   ABORTED / kChangeInFlight, of calls that change one: another change to the same secondary or
//     volume;
//   RESOURCE_EXHAUSTED / kTenantCallLimit: too many calls at once;
//   DEADLINE_EXCEEDED / kStageTimedOut: what the call began may have happened.
class FLATVM_EXPORT Client {
 public:
  using Options = ClientOptions;

  // Neither connects nor fails: the first call does.
  static Client Create(const ClientOptions& options = {});

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Boots a secondary; answers when its VM runs, before its guest has booted. Errors:
  // INVALID_ARGUMENT naming the field; NOT_FOUND / kImageNotFound, kVolumeNotFound; ALREADY_EXISTS
  // / kVmNameTaken, kRequestIdReused; FAILED_PRECONDITION / kImageUnusable, kImageIncomplete,
  // kPrimaryKeepsMemory, kVolumeInUse; RESOURCE_EXHAUSTED with the limit's numbers. With
  // spec.from_quota_disk this VM's mounts of the quota disk are undone for the time and made again
  // afterwards; errors are then also those of CreateVolume, and DEADLINE_EXCEEDED / kStageTimedOut
  // if the disk did not come back, whatever became of the secondary.
  Result<Vm> CreateVm(const VmSpec& spec, const CallOptions& call = {});

  // Kills a secondary, named or by id, and gives back all that it held. Answers with it as it last
  // was; with its id or name alone if a repetition finds it gone, which an earlier attempt of the
  // same call will have done. Errors: NOT_FOUND / kVmNotFound. With call.return_disk as CreateVm
  // with an image there, and FAILED_PRECONDITION / kNotFromQuotaDisk, kQuotaPathUnusable,
  // kQuotaDiskFull: the secondary runs on, or is in kDestroying with its disk whole.
  Result<Vm> DestroyVm(std::string_view name_or_id, const CallOptions& call = {});

  // Errors: NOT_FOUND / kVmNotFound; INVALID_ARGUMENT for what is neither a name nor an id.
  Result<Vm> ShowVm(std::string_view name_or_id, const CallOptions& call = {});

  // All secondaries of the caller's tenant, by name.
  Result<std::vector<Vm>> ListVms(const CallOptions& call = {});

  // The caller's tenant: limits, what is used of them and really used, network.
  Result<Tenant> GetTenant(const CallOptions& call = {});

  // Makes a volume that no VM has: zeros, or a copy of another one. Errors: INVALID_ARGUMENT naming
  // the field; ALREADY_EXISTS / kVolumeNameTaken, kRequestIdReused; of the one to copy NOT_FOUND /
  // kVolumeNotFound, FAILED_PRECONDITION / kVolumeInUse; RESOURCE_EXHAUSTED / kTenantDiskLimit with
  // the limit's numbers.
  Result<Volume> CreateVolume(const VolumeSpec& spec, const CallOptions& call = {});

  // Plugs a volume, named or by id, into this VM; no error if it has it already. Returns when
  // DevicePath is there, for which udev must run, unless `call` says otherwise. Errors: NOT_FOUND /
  // kVolumeNotFound; FAILED_PRECONDITION / kVolumeInUse by another VM, kPrimaryHasNoSlot;
  // DEADLINE_EXCEEDED / kStageTimedOut naming the device, if all but that came in time.
  Result<Volume> AttachVolume(std::string_view name_or_id, const CallOptions& call = {});

  // Unplugs a volume from this VM; no error if no VM has it. Unmount it first: the guest's kernel
  // lets go of a mounted disk, too, and what was not yet written is lost. Errors: NOT_FOUND /
  // kVolumeNotFound; FAILED_PRECONDITION / kPrimaryKeepsDisk, kVolumeInUse by another VM.
  Result<Volume> DetachVolume(std::string_view name_or_id, const CallOptions& call = {});

  // Makes a volume `size_mib` large, its size or more, also while a VM has it; the filesystem on it
  // is its VM's to grow. Errors: INVALID_ARGUMENT / kFieldOutOfRange; NOT_FOUND / kVolumeNotFound;
  // RESOURCE_EXHAUSTED / kTenantDiskLimit with the limit's numbers.
  Result<Volume> ResizeVolume(std::string_view name_or_id, uint32_t size_mib,
                              const CallOptions& call = {});

  // Deletes a volume with all that is on it. Answers like DestroyVm, a repetition included. Errors:
  // NOT_FOUND / kVolumeNotFound; FAILED_PRECONDITION / kVolumeInUse; with call.return_disk those of
  // DestroyVm with it.
  Result<Volume> DeleteVolume(std::string_view name_or_id, const CallOptions& call = {});

  // Errors: NOT_FOUND / kVolumeNotFound; INVALID_ARGUMENT for what is neither a name nor an id.
  Result<Volume> ShowVolume(std::string_view name_or_id, const CallOptions& call = {});

  // All volumes of the caller's tenant, by name.
  Result<std::vector<Volume>> ListVolumes(const CallOptions& call = {});

  // Sends a file of this VM to the host, which makes an image of the tenant's own of it: named like
  // one of the catalog's where a secondary is made. Reads the file twice. What is cut off, by
  // whatever, goes on where it was when the same file is imported under the same name again. A
  // call's time is for each part of it; validate_only asks about name and size alone. Errors:
  // INVALID_ARGUMENT naming the field; NOT_FOUND / kImageNotFound for the file; ALREADY_EXISTS /
  // kImageExists; RESOURCE_EXHAUSTED / kTenantDiskLimit with the limit's numbers,
  // kTenantImportLimit; FAILED_PRECONDITION / kImageUnusable, kChecksumMismatch.
  Result<Image> ImportImage(const ImportSpec& spec, const CallOptions& call = {});

  // Removes an own image, named or by id, or what there is of an import. Answers like DestroyVm, a
  // repetition included. Errors: NOT_FOUND / kImageNotFound; FAILED_PRECONDITION / kImageInUse.
  Result<Image> RemoveImage(std::string_view name_or_id, const CallOptions& call = {});

  // The tenant's own images and the operator's, by name.
  Result<std::vector<Image>> ListImages(const CallOptions& call = {});

 private:
  explicit Client(std::unique_ptr<guestlib::ClientImpl> impl);
  friend class guestlib::ClientImpl;

  std::unique_ptr<guestlib::ClientImpl> impl_;
};

}  // namespace flatvm
