#include "daemon/app/daemon.h"

#include <google/protobuf/stubs/logging.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/app/admin_listener.h"
#include "daemon/app/broker_settings.h"
#include "daemon/app/host.h"
#include "daemon/app/ipv6_pool.h"
#include "daemon/app/serve_loop.h"
#include "daemon/app/stop_at.h"
#include "daemon/app/worker.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/caller_check.h"
#include "daemon/broker/carver.h"
#include "daemon/broker/cid_allocator.h"
#include "daemon/broker/directory.h"
#include "daemon/broker/further_networks.h"
#include "daemon/broker/image_lifecycle.h"
#include "daemon/broker/quota_moves.h"
#include "daemon/broker/reconciler.h"
#include "daemon/broker/tenant_lifecycle.h"
#include "daemon/broker/update_tenant.h"
#include "daemon/broker/vm_lifecycle.h"
#include "daemon/broker/volume_lifecycle.h"
#include "daemon/gate/gate.h"
#include "daemon/gate/systemd_fd_store.h"
#include "daemon/gate/systemd_front_launcher.h"
#include "daemon/libvirt/domain_events.h"
#include "daemon/rpc/admin_server.h"
#include "daemon/rpc/admin_service.h"
#include "daemon/rpc/image_service.h"
#include "daemon/rpc/tenant_calls.h"
#include "daemon/rpc/vm_service.h"
#include "daemon/rpc/volume_service.h"
#include "network/filter_watch.h"
#include "network/port_watch.h"

namespace flatvm::app {
namespace {

constexpr char kAdminSocket[] = "/run/flatvm/admin.sock";
// What failed half-way is tried again, and what events may have missed is looked for, this often.
constexpr std::chrono::seconds kMaintenancePeriod{30};

// UnmetRequirements has seen that the pool parses.
network::SubnetPool SubnetsOf(const config::Config& config,
                              const std::optional<network::Ipv6Pool>& ipv6_pool) {
  const auto pool = network::ParseIpv4Subnet("network.subnet_pool", config.subnet_pool);
  return network::SubnetPool(pool.value_or(network::Ipv4Subnet{}), config.subnet_prefix_length,
                             ipv6_pool);
}

// The socket unit and the configuration each name the port; only one of them is right.
absl::Status CheckVsockPort(int listener, uint32_t port) {
  FLATVM_RETURN_IF_ERROR(gate::CheckVsockListener(listener));
  sockaddr_vm address{};
  socklen_t size = sizeof(address);
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return base::ErrnoError(errno, "getsockname of the vsock listener");
  }
  if (address.svm_port == port) return absl::OkStatus();
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, base::Reason::kFieldOutOfRange,
      base::StrCat("vsock.port: is ", port, ", but flatvmd.socket listens on ", address.svm_port,
                   "; change one of them (systemctl edit flatvmd.socket)"));
}

// Every room of flatvmd, in the order in which they stand on each other.
class Daemon {
 public:
  Daemon(const config::Config& config, const std::optional<network::Ipv6Pool>& ipv6_pool,
         const StopAt& stop_at, base::Logger& log)
      : config_(config),
        log_(log),
        settings_(SettingsOf(config)),
        host_(config, ipv6_pool, stop_at, log),
        launcher_(
            gate::LauncherOptions{.program = config.front_program,
                                  .memory_max_bytes = config.front_overhead_mib * base::kMebibyte,
                                  .stop_at = stop_at.front}),
        gate_(
            std::in_place,
            gate::GateOptions{.require_privileged_port = config.require_privileged_port}, launcher_,
            fd_store_, log, [this](base::VsockCid cid) { return callers_.Identify(cid); },
            [this](const std::string& tenant, const std::string& method, const std::string& request,
                   std::chrono::milliseconds /*timeout*/) {
              return Handle(tenant, method, request);
            }),
        ports_(host_.PortsWith(*gate_, log, stop_at.steps)),
        cids_(config.cid_first, config.cid_last, host_.records),
        carver_(settings_, ports_, registry_),
        quota_moves_(settings_, ports_, registry_),
        volumes_(settings_, ports_, registry_, quota_moves_),
        vms_(settings_, ports_, registry_, cids_, carver_, quota_moves_, volumes_),
        images_(settings_, ports_, registry_),
        tenants_(settings_, ports_, registry_, cids_, carver_, SubnetsOf(config, ipv6_pool), vms_,
                 volumes_, quota_moves_, images_),
        updates_(settings_, ports_, registry_, carver_),
        networks_(ports_, registry_, tenants_),
        directory_(settings_, ports_, registry_),
        callers_(ports_, registry_),
        reconciler_(ports_, registry_, carver_, tenants_, vms_, volumes_, quota_moves_, images_),
        vm_service_(vms_, directory_),
        volume_service_(volumes_, directory_),
        image_service_(images_, directory_),
        tenant_calls_(callers_, log, host_.clock),
        admin_service_(tenants_, updates_, networks_, vms_, directory_, log, host_.clock),
        worker_(std::in_place),
        events_(std::in_place, host_.connection,
                [this](libvirt::DomainEvent event, const std::string& uuid) {
                  worker_->Post([this, event, uuid] { OnDomainEvent(event, uuid); });
                }) {
    vm_service_.AddTo(tenant_calls_);
    volume_service_.AddTo(tenant_calls_);
    image_service_.AddTo(tenant_calls_);
  }

  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // What calls into the other rooms from threads of its own ends first.
  ~Daemon() {
    port_watch_.reset();
    filter_watch_.reset();
    events_.reset();
    worker_.reset();
    gate_.reset();
  }

  absl::Status Run() {
    FLATVM_RETURN_IF_ERROR(gate_->status());
    FLATVM_RETURN_IF_ERROR(TakeInheritedFds());
    // As early as the filter may be there, from an earlier flatvmd.
    FLATVM_ASSIGN_OR_RETURN(filter_watch_, network::FilterWatch::Start(host_.kernel_network, log_));
    FLATVM_ASSIGN_OR_RETURN(port_watch_, network::PortWatch::Start(host_.kernel_network, log_));
    // Events are on before the host is looked at, so that no stop falls between the two.
    FLATVM_RETURN_IF_ERROR(events_->EnsureRegistered().status());
    FLATVM_ASSIGN_OR_RETURN(const broker::StoredState stored, host_.records.Load());
    cids_.Resume(stored.next_cid);
    FLATVM_RETURN_IF_ERROR(reconciler_.ReconcileAtStart(
        stored, [&](size_t done) { TellStarting(done, stored.tenants.size()); }));
    host_.kernel_network.KnowsAllTenants();
    gate_->CloseUnopened();
    FLATVM_RETURN_IF_ERROR(OpenListeners());
    log_.Log(base::LogLevel::kInfo, base::StrCat("ready: ", stored.tenants.size(), " tenants, ",
                                                 stored.vms.size(), " secondaries"));
    return Serve();
  }

 private:
  gate::CallOutcome Handle(const std::string& tenant, const std::string& method,
                           const std::string& request) {
    rpc::Answer answer = tenant_calls_.Handle(tenant, method, request);
    return gate::CallOutcome{.code = answer.code,
                             .message = std::move(answer.message),
                             .detail = std::move(answer.detail),
                             .response = std::move(answer.response)};
  }

  // Sockets that systemd listens on for us, and links to fronts that outlived an earlier flatvmd.
  absl::Status TakeInheritedFds() {
    FLATVM_ASSIGN_OR_RETURN(std::vector<gate::InheritedFd> inherited, gate::TakeInheritedFds());
    for (gate::InheritedFd& item : inherited) {
      const std::string tenant = gate::TenantOfStoredLink(item.name);
      if (item.name == "vsock") {
        vsock_ = std::move(item.fd);
      } else if (item.name == "admin") {
        admin_ = std::move(item.fd);
      } else if (!tenant.empty()) {
        gate_->Adopt(tenant, std::move(item.fd));
      } else {
        log_.Log(base::LogLevel::kWarning,
                 "systemd passed a descriptor that nobody knows, closing it");
      }
    }
    return absl::OkStatus();
  }

  absl::Status OpenListeners() {
    if (!vsock_.valid()) {
      FLATVM_ASSIGN_OR_RETURN(vsock_, gate::ListenOnVsock(config_.vsock_port));
    }
    FLATVM_RETURN_IF_ERROR(CheckVsockPort(vsock_.get(), config_.vsock_port));
    if (!admin_.valid()) {
      FLATVM_ASSIGN_OR_RETURN(admin_, ListenOnUnixSocket(kAdminSocket));
    }
    gate_->Listen(std::move(vsock_));
    return absl::OkStatus();
  }

  absl::Status Serve() {
    rpc::AdminServer admin_server(admin_service_);
    ServeLoop loop{.admin_listener = admin_.get(),
                   .on_admin =
                       [&] {
                         AcceptAdmin(admin_.get(), log_, [&](base::UniqueFd connection) {
                           admin_server.Serve(std::move(connection));
                         });
                       },
                   .period = kMaintenancePeriod,
                   .on_period = [this] { worker_->Post([this] { Maintain(); }); }};
    return loop.Run();
  }

  // On the worker's thread.
  void OnDomainEvent(libvirt::DomainEvent event, const std::string& uuid) {
    if (event == libvirt::DomainEvent::kStarted) return reconciler_.OnDomainStarted(uuid);
    reconciler_.OnDomainStopped(uuid);
  }

  // On the worker's thread. libvirtd may be away; the next time will do.
  void Maintain() {
    RetryAndRepair();
    if (const absl::Status status = host_.servers.LookAfter(); !status.ok()) {
      log_.Log(base::LogLevel::kWarning,
               base::StrCat("looking after tenants' DHCP servers failed, to be tried again: ",
                            base::Message(status)));
    }
    // Behind it: ports of networks that are to be tried again are shut from here on. The uplinks
    // may be others by now, which nobody tells.
    if (const auto restored =
            host_.kernel_network.RestoreFilter(network::KernelNetwork::Tables::kIfChanged);
        !restored.ok()) {
      log_.Log(base::LogLevel::kError, base::StrCat("the tenants' filter cannot be renewed: ",
                                                    base::Message(restored.status())));
    }
  }

  // What needs libvirtd.
  void RetryAndRepair() {
    if (!events_->EnsureRegistered().ok()) return;
    if (const absl::Status status = reconciler_.RefreshStates(); !status.ok()) return;
    reconciler_.RetryLeftovers();
    reconciler_.RepairLimits();
  }

  const config::Config& config_;
  base::Logger& log_;
  const broker::Settings settings_;
  Host host_;
  gate::SystemdFdStore fd_store_;
  gate::SystemdFrontLauncher launcher_;
  std::optional<gate::Gate> gate_;
  broker::Registry registry_;
  const broker::Ports ports_;
  broker::CidAllocator cids_;
  broker::Carver carver_;
  broker::QuotaMoves quota_moves_;
  broker::VolumeLifecycle volumes_;
  broker::VmLifecycle vms_;
  broker::ImageLifecycle images_;
  broker::TenantLifecycle tenants_;
  broker::TenantUpdates updates_;
  broker::FurtherNetworks networks_;
  broker::Directory directory_;
  broker::CallerCheck callers_;
  broker::Reconciler reconciler_;
  rpc::VmService vm_service_;
  rpc::VolumeService volume_service_;
  rpc::ImageService image_service_;
  rpc::TenantCalls tenant_calls_;
  rpc::AdminService admin_service_;
  std::optional<Worker> worker_;
  std::optional<libvirt::DomainEvents> events_;
  std::unique_ptr<network::FilterWatch> filter_watch_;
  std::unique_ptr<network::PortWatch> port_watch_;
  base::UniqueFd vsock_;
  base::UniqueFd admin_;
};

}  // namespace

absl::Status RunDaemon(const config::Config& config, base::Logger& log) {
  BlockServeSignals();
  // protobuf writes a line for each string that is not UTF-8: a guest could fill the journal with
  // them.
  google::protobuf::SetLogHandler(nullptr);
  FLATVM_ASSIGN_OR_RETURN(const StopAt stop_at, FindStopAt(std::getenv(base::kStopAt), log));
  FLATVM_ASSIGN_OR_RETURN(const std::optional<network::Ipv6Pool> ipv6_pool, EnsureIpv6Pool(config));
  return Daemon(config, ipv6_pool, stop_at, log).Run();
}

}  // namespace flatvm::app
