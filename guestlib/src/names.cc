// The names of codes, reasons, states and devices, and the promise that their numbers are the
// protocol's.
#include <array>
#include <cstddef>
#include <string>

#include "flatvm/error.h"
#include "flatvm/image.h"
#include "flatvm/tenant.h"
#include "flatvm/v1/images.pb.h"
#include "flatvm/v1/types.pb.h"
#include "flatvm/v1/volumes.pb.h"
#include "flatvm/vm.h"
#include "flatvm/volume.h"
#include "grpcpp/support/status_code_enum.h"

namespace flatvm {
namespace {

constexpr bool Same(Reason ours, v1::Reason wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}
constexpr bool Same(VmState ours, v1::VmState wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}
constexpr bool Same(VolumeState ours, v1::VolumeState wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}
constexpr bool Same(ImageFormat ours, v1::ImageFormat wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}
constexpr bool Same(ImageSource ours, v1::ImageSource wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}
constexpr bool Same(ImageState ours, v1::ImageState wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}
constexpr bool Same(PrimaryState ours, v1::PrimaryState wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}
constexpr bool Same(CarveMode ours, v1::CarveMode wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}
constexpr bool Same(NetworkMode ours, v1::NetworkMode wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}
constexpr bool Same(Code ours, grpc::StatusCode wire) {
  return static_cast<int>(ours) == static_cast<int>(wire);
}

static_assert(Same(Reason::kUnspecified, v1::REASON_UNSPECIFIED));
static_assert(Same(Reason::kFieldMissing, v1::FIELD_MISSING));
static_assert(Same(Reason::kFieldOutOfRange, v1::FIELD_OUT_OF_RANGE));
static_assert(Same(Reason::kFieldMalformed, v1::FIELD_MALFORMED));
static_assert(Same(Reason::kMessageMalformed, v1::MESSAGE_MALFORMED));
static_assert(Same(Reason::kMessageTooLarge, v1::MESSAGE_TOO_LARGE));
static_assert(Same(Reason::kVmNotFound, v1::VM_NOT_FOUND));
static_assert(Same(Reason::kTenantNotFound, v1::TENANT_NOT_FOUND));
static_assert(Same(Reason::kImageNotFound, v1::IMAGE_NOT_FOUND));
static_assert(Same(Reason::kPrimaryNotDefined, v1::PRIMARY_NOT_DEFINED));
static_assert(Same(Reason::kVolumeNotFound, v1::VOLUME_NOT_FOUND));
static_assert(Same(Reason::kNetworkNotFound, v1::NETWORK_NOT_FOUND));
static_assert(Same(Reason::kVmNameTaken, v1::VM_NAME_TAKEN));
static_assert(Same(Reason::kTenantExists, v1::TENANT_EXISTS));
static_assert(Same(Reason::kRequestIdReused, v1::REQUEST_ID_REUSED));
static_assert(Same(Reason::kPrimaryHasTenant, v1::PRIMARY_HAS_TENANT));
static_assert(Same(Reason::kVolumeNameTaken, v1::VOLUME_NAME_TAKEN));
static_assert(Same(Reason::kImageExists, v1::IMAGE_EXISTS));
static_assert(Same(Reason::kNetworkNameTaken, v1::NETWORK_NAME_TAKEN));
static_assert(Same(Reason::kTenantHasSecondaries, v1::TENANT_HAS_SECONDARIES));
static_assert(Same(Reason::kPrimaryNotRunning, v1::PRIMARY_NOT_RUNNING));
static_assert(Same(Reason::kPrimaryRestarted, v1::PRIMARY_RESTARTED));
static_assert(Same(Reason::kImageUnusable, v1::IMAGE_UNUSABLE));
static_assert(Same(Reason::kPrimaryTooLarge, v1::PRIMARY_TOO_LARGE));
static_assert(Same(Reason::kPrimaryNeedsRestart, v1::PRIMARY_NEEDS_RESTART));
static_assert(Same(Reason::kPrimaryKeepsMemory, v1::PRIMARY_KEEPS_MEMORY));
static_assert(Same(Reason::kTenantLimitsInUse, v1::TENANT_LIMITS_IN_USE));
static_assert(Same(Reason::kCpusTaken, v1::CPUS_TAKEN));
static_assert(Same(Reason::kVolumeInUse, v1::VOLUME_IN_USE));
static_assert(Same(Reason::kTenantMemoryLimit, v1::TENANT_MEMORY_LIMIT));
static_assert(Same(Reason::kTenantVcpuLimit, v1::TENANT_VCPU_LIMIT));
static_assert(Same(Reason::kTenantVmLimit, v1::TENANT_VM_LIMIT));
static_assert(Same(Reason::kTenantDiskLimit, v1::TENANT_DISK_LIMIT));
static_assert(Same(Reason::kTenantConnectionLimit, v1::TENANT_CONNECTION_LIMIT));
static_assert(Same(Reason::kTenantCallLimit, v1::TENANT_CALL_LIMIT));
static_assert(Same(Reason::kSubnetPoolEmpty, v1::SUBNET_POOL_EMPTY));
static_assert(Same(Reason::kSubnetFull, v1::SUBNET_FULL));
static_assert(Same(Reason::kCidRangeEmpty, v1::CID_RANGE_EMPTY));
static_assert(Same(Reason::kTenantNetworkLimit, v1::TENANT_NETWORK_LIMIT));
static_assert(Same(Reason::kChangeInFlight, v1::CHANGE_IN_FLIGHT));
static_assert(Same(Reason::kPolicyForbids, v1::POLICY_FORBIDS));
static_assert(Same(Reason::kHypervisorUnavailable, v1::HYPERVISOR_UNAVAILABLE));
static_assert(Same(Reason::kDaemonRestarted, v1::DAEMON_RESTARTED));
static_assert(Same(Reason::kBrokerUnreachable, v1::BROKER_UNREACHABLE));
static_assert(Same(Reason::kServiceManagerUnavailable, v1::SERVICE_MANAGER_UNAVAILABLE));
static_assert(Same(Reason::kStageTimedOut, v1::STAGE_TIMED_OUT));
static_assert(Same(Reason::kMethodUnimplemented, v1::METHOD_UNIMPLEMENTED));
static_assert(Same(Reason::kInternalError, v1::INTERNAL_ERROR));
static_assert(Same(Reason::kTenantHasVolumes, v1::TENANT_HAS_VOLUMES));
static_assert(Same(Reason::kPrimaryKeepsDisk, v1::PRIMARY_KEEPS_DISK));
static_assert(Same(Reason::kPrimaryHasNoSlot, v1::PRIMARY_HAS_NO_SLOT));
static_assert(Same(Reason::kImageInUse, v1::IMAGE_IN_USE));
static_assert(Same(Reason::kNoQuotaDisk, v1::NO_QUOTA_DISK));
static_assert(Same(Reason::kQuotaDiskUnusable, v1::QUOTA_DISK_UNUSABLE));
static_assert(Same(Reason::kQuotaDiskFull, v1::QUOTA_DISK_FULL));
static_assert(Same(Reason::kQuotaPathUnusable, v1::QUOTA_PATH_UNUSABLE));
static_assert(Same(Reason::kNotFromQuotaDisk, v1::NOT_FROM_QUOTA_DISK));
static_assert(Same(Reason::kHostUnfit, v1::HOST_UNFIT));
static_assert(Same(Reason::kImageIncomplete, v1::IMAGE_INCOMPLETE));
static_assert(Same(Reason::kChecksumMismatch, v1::CHECKSUM_MISMATCH));
static_assert(Same(Reason::kTenantImportLimit, v1::TENANT_IMPORT_LIMIT));
static_assert(Same(Reason::kPortTaken, v1::PORT_TAKEN));
static_assert(Same(Reason::kNetworkInUse, v1::NETWORK_IN_USE));
static_assert(Same(Reason::kBridgeUnusable, v1::BRIDGE_UNUSABLE));

static_assert(Same(VmState::kUnspecified, v1::VM_STATE_UNSPECIFIED));
static_assert(Same(VmState::kCreating, v1::VM_CREATING));
static_assert(Same(VmState::kRunning, v1::VM_RUNNING));
static_assert(Same(VmState::kStopped, v1::VM_STOPPED));
static_assert(Same(VmState::kDestroying, v1::VM_DESTROYING));

static_assert(Same(VolumeState::kUnspecified, v1::VOLUME_STATE_UNSPECIFIED));
static_assert(Same(VolumeState::kCreating, v1::VOLUME_CREATING));
static_assert(Same(VolumeState::kReady, v1::VOLUME_READY));
static_assert(Same(VolumeState::kDeleting, v1::VOLUME_DELETING));
static_assert(Same(VolumeState::kMoving, v1::VOLUME_MOVING));
static_assert(Same(VolumeState::kReturning, v1::VOLUME_RETURNING));

static_assert(Same(ImageFormat::kUnspecified, v1::IMAGE_FORMAT_UNSPECIFIED));
static_assert(Same(ImageFormat::kRaw, v1::IMAGE_RAW));
static_assert(Same(ImageFormat::kQcow2, v1::IMAGE_QCOW2));
static_assert(Same(ImageSource::kUnspecified, v1::IMAGE_SOURCE_UNSPECIFIED));
static_assert(Same(ImageSource::kOwn, v1::IMAGE_OWN));
static_assert(Same(ImageSource::kCatalog, v1::IMAGE_CATALOG));
static_assert(Same(ImageState::kUnspecified, v1::IMAGE_STATE_UNSPECIFIED));
static_assert(Same(ImageState::kImporting, v1::IMAGE_IMPORTING));
static_assert(Same(ImageState::kReady, v1::IMAGE_READY));
static_assert(Same(ImageState::kDeleting, v1::IMAGE_DELETING));

static_assert(Same(PrimaryState::kUnspecified, v1::PRIMARY_STATE_UNSPECIFIED));
static_assert(Same(PrimaryState::kUndefined, v1::PRIMARY_UNDEFINED));
static_assert(Same(PrimaryState::kShutOff, v1::PRIMARY_SHUT_OFF));
static_assert(Same(PrimaryState::kRunning, v1::PRIMARY_RUNNING));

static_assert(Same(CarveMode::kReserved, v1::CARVE_RESERVED));
static_assert(Same(CarveMode::kBalloon, v1::CARVE_BALLOON));

static_assert(Same(NetworkMode::kNat, v1::NETWORK_NAT));
static_assert(Same(NetworkMode::kIsolated, v1::NETWORK_ISOLATED));
static_assert(Same(NetworkMode::kViaPrimary, v1::NETWORK_VIA_PRIMARY));
static_assert(Same(NetworkMode::kBridge, v1::NETWORK_BRIDGE));

static_assert(Same(Code::kNotFound, grpc::NOT_FOUND));
static_assert(Same(Code::kUnavailable, grpc::UNAVAILABLE));
static_assert(Same(Code::kUnauthenticated, grpc::UNAUTHENTICATED));

// Indexed by Code.
constexpr std::array<const char*, 17> kCodeNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

}  // namespace

const char* CodeName(Code code) {
  const auto number = static_cast<size_t>(code);  // a negative one becomes a large one
  return number < kCodeNames.size() ? kCodeNames[number] : "UNKNOWN";
}

std::string ReasonName(Reason reason) {
  const auto number = static_cast<int>(reason);
  const std::string& name = v1::Reason_Name(static_cast<v1::Reason>(number));
  return name.empty() ? "REASON_" + std::to_string(number) : name;
}

const char* VmStateName(VmState state) {
  switch (state) {
    case VmState::kCreating:
      return "creating";
    case VmState::kRunning:
      return "running";
    case VmState::kStopped:
      return "stopped";
    case VmState::kDestroying:
      return "destroying";
    case VmState::kUnspecified:
      break;
  }
  return "unknown";
}

const char* VolumeStateName(VolumeState state) {
  switch (state) {
    case VolumeState::kCreating:
      return "creating";
    case VolumeState::kReady:
      return "ready";
    case VolumeState::kDeleting:
      return "deleting";
    case VolumeState::kReturning:
      return "returning";
    case VolumeState::kMoving:
      return "moving";
    case VolumeState::kUnspecified:
      break;
  }
  return "unknown";
}

const char* ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kRaw:
      return "raw";
    case ImageFormat::kQcow2:
      return "qcow2";
    case ImageFormat::kUnspecified:
      break;
  }
  return "unknown";
}

const char* ImageSourceName(ImageSource source) {
  switch (source) {
    case ImageSource::kOwn:
      return "own";
    case ImageSource::kCatalog:
      return "catalog";
    case ImageSource::kUnspecified:
      break;
  }
  return "unknown";
}

const char* ImageStateName(ImageState state) {
  switch (state) {
    case ImageState::kImporting:
      return "importing";
    case ImageState::kReady:
      return "ready";
    case ImageState::kDeleting:
      return "deleting";
    case ImageState::kUnspecified:
      break;
  }
  return "unknown";
}

std::string DevicePath(const Volume& volume) {
  return volume.serial.empty() ? "" : "/dev/disk/by-id/virtio-" + volume.serial;
}

const char* PrimaryStateName(PrimaryState state) {
  switch (state) {
    case PrimaryState::kUndefined:
      return "undefined";
    case PrimaryState::kShutOff:
      return "shut-off";
    case PrimaryState::kRunning:
      return "running";
    case PrimaryState::kUnspecified:
      break;
  }
  return "unknown";
}

const char* NetworkModeName(NetworkMode mode) {
  switch (mode) {
    case NetworkMode::kNat:
      return "nat";
    case NetworkMode::kIsolated:
      return "isolated";
    case NetworkMode::kViaPrimary:
      return "via-primary";
    case NetworkMode::kBridge:
      return "bridge";
  }
  return "unknown";
}

const char* CarveModeName(CarveMode mode) {
  switch (mode) {
    case CarveMode::kReserved:
      return "reserved";
    case CarveMode::kBalloon:
      return "balloon";
  }
  return "unknown";
}

}  // namespace flatvm
