// The real NetworkServers: a dnsmasq for each network, and one that advertises the prefixes of all.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "daemon/base/log.h"
#include "network/dnsmasq/server_programs.h"
#include "network/network_servers.h"

namespace flatvm::network {

struct DnsmasqSettings {
  // Of folders that dnsmasqs read; made, and what is not needed any more is removed from it.
  std::string folder = "/run/flatvm/dnsmasq";
  std::string resolvers = "/etc/resolv.conf";  // the host's
};

// Each network's is of its tenant's slice; what it is told is in files, renewed one by one. Why not
// libvirt's: ADR 17. Thread-safe.
class DnsmasqServers final : public NetworkServers {
 public:
  DnsmasqServers(DnsmasqSettings settings, ServerPrograms& programs, base::Logger& log)
      : settings_(std::move(settings)), programs_(programs), log_(log) {}

  absl::Status Ensure(const NetworkSpec& spec, BridgeAge age) override;
  absl::Status Remove(const std::string& bridge) override;
  absl::Status AddMachine(const std::string& bridge, const Lease& machine) override;
  absl::Status RemoveMachine(const std::string& bridge, const Lease& machine) override;

  // Starts what somebody stopped, which is logged, and tells all of the host's resolvers, should
  // those be others by now; for now and then. The first error, after all were tried.
  absl::Status LookAfter();

 private:
  // A network that Ensure was called for.
  struct Served {
    std::mutex mutex;  // guards what is below, and is held while the network's server is changed
    std::optional<NetworkSpec> spec;  // nullopt: not yet, or removed
    bool stale = false;               // its server may know other machines than the spec's
  };

  // What a dnsmasq is told, by the names of its files; but for resolvers, which it notices.
  using Texts = std::map<std::string, std::string>;

  std::string FolderOf(const std::string& name) const;
  ServerProgram ProgramOf(const NetworkSpec& spec) const;
  Texts TextsOf(const NetworkSpec& spec) const;
  std::shared_ptr<Served> Find(const std::string& bridge);

  // Each with the lock of what the program serves held. A file beside the texts says what the
  // program was told last, and as what it was started, so that a flatvmd which is ended in the
  // midst leaves none that was told something else for good, nor a new one any of an older one's
  // making.

  absl::Status Note(const ServerProgram& program, const Texts& texts);
  bool WasTold(const ServerProgram& program, const Texts& texts);
  // Has it run and know `texts`; anew if it was, or may have been, told others.
  absl::Status Serve(const ServerProgram& program, const Texts& texts, BridgeAge age);
  // Tells it `texts`, of other machines.
  absl::Status Tell(const ServerProgram& program, const Texts& texts);
  absl::Status RemoveProgram(const std::string& name);
  absl::Status WriteResolvers(const NetworkSpec& spec);
  absl::Status Change(Served& served, NetworkSpec spec);
  absl::Status StartAgain(Served& served);
  // Of `what` that did not run.
  void LogStart(const std::string& what, const std::string& tenant, const absl::Status& started);

  // Starts it if a network has a prefix, and stops it if none has.
  absl::Status EnsureAdvertiser();
  absl::Status StartAdvertiser();
  // The host's, as they are now; what they were last if they cannot be read.
  std::string Resolvers();

  const DnsmasqSettings settings_;
  ServerPrograms& programs_;
  base::Logger& log_;
  std::mutex mutex_;                                       // guards what is below
  std::map<std::string, std::shared_ptr<Served>> served_;  // by bridge
  std::set<std::string> with_prefix_;                      // bridges
  std::string resolvers_;                                  // when they could be read last
  std::mutex advertiser_mutex_;     // guards what is below, and is held while it starts or stops
  std::optional<bool> advertises_;  // nullopt: an earlier flatvmd may have left one
};

}  // namespace flatvm::network
