// Asks this VM's host for sibling VMs, over vsock. The only header that a program needs:
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

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flatvm/error.h"
#include "flatvm/export.h"
#include "flatvm/result.h"
#include "flatvm/tenant.h"
#include "flatvm/vm.h"

namespace flatvm {

namespace guestlib {
class ClientImpl;
}

enum class SourcePort {
  kPrivileged,  // below 1024, which needs root (CAP_NET_BIND_SERVICE): what hosts ask for by
                // default
  kAny,         // for a host whose operator allows everybody in the VM to ask
};

// When a call whose connection broke is sent again. Times are bounded by the call's own, too.
struct RetryPolicy {
  // The n-th pause is a random part of min(first_pause * 2^n, longest_pause).
  std::chrono::milliseconds first_pause{50};
  std::chrono::milliseconds longest_pause{2'000};
  // How long to go on while the broker has not been reached at all, or refuses this VM.
  std::chrono::milliseconds unreached_for{2'000};
  // The same after the connection was lost in the midst of a call: the host's daemon restarts.
  std::chrono::milliseconds lost_for{15'000};
};

struct ClientOptions {
  uint32_t cid = 2;     // the host's
  uint32_t port = 710;  // the broker's
  SourcePort source_port = SourcePort::kPrivileged;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds call_timeout{
      90'000};  // a call, its repetitions included; at most a day
  RetryPolicy retry{};
};

struct CallOptions {
  // [A-Za-z0-9_.-]{1,64}. The same id with the same request is answered like the first one and
  // changes nothing again. Empty: the client makes one up, so that its own repetitions are safe.
  // Means nothing for ShowVm, ListVms and GetTenant.
  std::string request_id{};
  bool validate_only = false;            // decide and explain, change nothing
  std::chrono::milliseconds timeout{0};  // 0: ClientOptions::call_timeout
};

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
  // INVALID_ARGUMENT naming the field; NOT_FOUND / kImageNotFound; ALREADY_EXISTS / kVmNameTaken,
  // kRequestIdReused; FAILED_PRECONDITION / kImageUnusable, kPrimaryKeepsMemory; RESOURCE_EXHAUSTED
  // with the limit's numbers.
  Result<Vm> CreateVm(const VmSpec& spec, const CallOptions& call = {});

  // Kills a secondary, named or by id, and gives back all that it held. Answers with it as it last
  // was; with its id or name alone if a repetition finds it gone, which an earlier attempt of the
  // same call will have done. Errors: NOT_FOUND / kVmNotFound; ABORTED / kChangeInFlight.
  Result<Vm> DestroyVm(std::string_view name_or_id, const CallOptions& call = {});

  // Errors: NOT_FOUND / kVmNotFound; INVALID_ARGUMENT for what is neither a name nor an id.
  Result<Vm> ShowVm(std::string_view name_or_id, const CallOptions& call = {});

  // All secondaries of the caller's tenant, by name.
  Result<std::vector<Vm>> ListVms(const CallOptions& call = {});

  // The caller's tenant: limits, what is used of them and really used, network.
  Result<Tenant> GetTenant(const CallOptions& call = {});

 private:
  explicit Client(std::unique_ptr<guestlib::ClientImpl> impl);
  friend class guestlib::ClientImpl;

  std::unique_ptr<guestlib::ClientImpl> impl_;
};

}  // namespace flatvm
