#include "network/dnsmasq/dnsmasq_servers.h"

#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/dnsmasq/dnsmasq_config.h"
#include "network/dnsmasq/shared_file.h"

namespace flatvm::network {
namespace {

constexpr char kAdvertiser[] = "advertisements";
constexpr char kTold[] = "told";
constexpr size_t kMaxResolvers = size_t{64} << 10U;

// Also of which bridge of that name: a program is bound to the one that was there at its start.
std::string NoteOf(const ServerProgram& program, const std::string& terms,
                   const std::map<std::string, std::string>& texts) {
  std::string note =
      base::StrCat("== interface ", ::if_nametoindex(program.name.c_str()), "\n== unit\n", terms);
  for (const auto& [name, text] : texts) base::StrAppend(&note, "== ", name, "\n", text);
  return note;
}

// True if one of them is another now.
absl::StatusOr<bool> WriteTexts(const std::string& folder,
                                const std::map<std::string, std::string>& texts) {
  bool any = false;
  for (const auto& [name, text] : texts) {
    FLATVM_ASSIGN_OR_RETURN(const bool written, WriteShared(base::StrCat(folder, "/", name), text));
    any = any || written;
  }
  return any;
}

absl::Status Forget(const std::string& folder) {
  const std::string path = base::StrCat(folder, "/", kTold);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return base::ErrnoError(errno, base::StrCat("unlink ", path));
}

// INTERNAL if a machine of `spec` has one of `machine`'s, and is another.
absl::Status CheckFree(const NetworkSpec& spec, const Lease& machine) {
  for (const Lease& other : spec.leases) {
    if (other.mac != machine.mac && other.hostname != machine.hostname &&
        other.address != machine.address) {
      continue;
    }
    return base::InternalError(base::StrCat("network ", NetworkName(spec.Id()),
                                            " has another machine of the MAC, name or address of ",
                                            machine.hostname));
  }
  return absl::OkStatus();
}

}  // namespace

std::string DnsmasqServers::FolderOf(const std::string& name) const {
  return base::StrCat(settings_.folder, "/", name);
}

ServerProgram DnsmasqServers::ProgramOf(const NetworkSpec& spec) const {
  const std::string bridge = BridgeName(spec.subnet);
  return {.name = bridge, .folder = FolderOf(bridge), .tenant = spec.tenant};
}

std::shared_ptr<DnsmasqServers::Served> DnsmasqServers::Find(const std::string& bridge) {
  const std::lock_guard lock(mutex_);
  const auto found = served_.find(bridge);
  return found == served_.end() ? nullptr : found->second;
}

std::string DnsmasqServers::Resolvers() {
  absl::StatusOr<std::string> now = base::ReadFile(settings_.resolvers, kMaxResolvers);
  const std::lock_guard lock(mutex_);
  if (now.ok()) resolvers_ = *std::move(now);
  return resolvers_;
}

DnsmasqServers::Texts DnsmasqServers::TextsOf(const NetworkSpec& spec) const {
  return {{kConfigFile, BuildDnsmasqConfig(spec, FolderOf(BridgeName(spec.subnet)))},
          {kHostsFile, BuildDhcpHosts(spec)},
          {kNamesFile, BuildNames(spec)}};
}

absl::Status DnsmasqServers::WriteResolvers(const NetworkSpec& spec) {
  if (!AsksResolvers(spec)) return absl::OkStatus();
  const std::string folder = FolderOf(BridgeName(spec.subnet));
  FLATVM_RETURN_IF_ERROR(MakeSharedFolder(folder));
  return WriteShared(base::StrCat(folder, "/", kResolversFile), Resolvers()).status();
}

absl::Status DnsmasqServers::Note(const ServerProgram& program, const Texts& texts) {
  return WriteShared(base::StrCat(program.folder, "/", kTold),
                     NoteOf(program, programs_.Terms(program), texts))
      .status();
}

bool DnsmasqServers::WasTold(const ServerProgram& program, const Texts& texts) {
  const std::string note = NoteOf(program, programs_.Terms(program), texts);
  const auto noted = base::ReadFile(base::StrCat(program.folder, "/", kTold), note.size());
  return noted.ok() && *noted == note;
}

absl::Status DnsmasqServers::Serve(const ServerProgram& program, const Texts& texts,
                                   BridgeAge age) {
  FLATVM_RETURN_IF_ERROR(MakeSharedFolder(program.folder));
  FLATVM_ASSIGN_OR_RETURN(const bool changed, WriteTexts(program.folder, texts));
  if (age == BridgeAge::kAsBefore && !changed && WasTold(program, texts)) {
    FLATVM_ASSIGN_OR_RETURN(const bool runs, programs_.Runs(program.name));
    if (runs) return absl::OkStatus();
  }
  FLATVM_RETURN_IF_ERROR(Forget(program.folder));
  // Anew, so that it knows no lease of a machine that went meanwhile.
  FLATVM_RETURN_IF_ERROR(programs_.Start(program));
  return Note(program, texts);
}

absl::Status DnsmasqServers::Tell(const ServerProgram& program, const Texts& texts) {
  FLATVM_RETURN_IF_ERROR(Forget(program.folder));
  FLATVM_RETURN_IF_ERROR(WriteTexts(program.folder, texts).status());
  if (!programs_.Reload(program.name).ok()) FLATVM_RETURN_IF_ERROR(programs_.Start(program));
  return Note(program, texts);
}

absl::Status DnsmasqServers::RemoveProgram(const std::string& name) {
  FLATVM_RETURN_IF_ERROR(programs_.Stop(name));
  return base::RemoveTree(FolderOf(name));
}

absl::Status DnsmasqServers::Ensure(const NetworkSpec& spec, BridgeAge age) {
  const std::string bridge = BridgeName(spec.subnet);
  std::shared_ptr<Served> served;
  bool concerns_advertiser = spec.prefix.has_value();
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Served>& entry = served_[bridge];
    if (entry == nullptr) entry = std::make_shared<Served>();
    served = entry;
    if (spec.prefix) {
      with_prefix_.insert(bridge);
    } else if (with_prefix_.erase(bridge) != 0) {
      concerns_advertiser = true;
    }
  }
  {
    const std::lock_guard lock(served->mutex);
    FLATVM_RETURN_IF_ERROR(WriteResolvers(spec));
    FLATVM_RETURN_IF_ERROR(Serve(ProgramOf(spec), TextsOf(spec), age));
    served->spec = spec;
    served->stale = false;
  }
  // At a start those with a prefix may be yet to come.
  return concerns_advertiser ? EnsureAdvertiser() : absl::OkStatus();
}

absl::Status DnsmasqServers::Remove(const std::string& bridge) {
  std::shared_ptr<Served> served;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = served_.find(bridge); found != served_.end()) served = found->second;
    with_prefix_.erase(bridge);
  }
  if (served == nullptr) served = std::make_shared<Served>();
  {
    const std::lock_guard lock(served->mutex);
    served->spec.reset();
    FLATVM_RETURN_IF_ERROR(RemoveProgram(bridge));
  }
  {
    const std::lock_guard lock(mutex_);
    served_.erase(bridge);
  }
  return EnsureAdvertiser();
}

absl::Status DnsmasqServers::Change(Served& served, NetworkSpec spec) {
  const ServerProgram program = ProgramOf(spec);
  const absl::Status told = Tell(program, TextsOf(spec));
  served.stale = !told.ok();
  if (told.ok()) {
    served.spec = std::move(spec);
  } else {
    // What it reads should it start by itself. That it was not told is not noted.
    static_cast<void>(WriteTexts(program.folder, TextsOf(*served.spec)));
  }
  return told;
}

absl::Status DnsmasqServers::AddMachine(const std::string& bridge, const Lease& machine) {
  const std::shared_ptr<Served> served = Find(bridge);
  if (served == nullptr) return base::InternalError(base::StrCat("nothing serves ", bridge));
  const std::lock_guard lock(served->mutex);
  if (!served->spec) return base::InternalError(base::StrCat("nothing serves ", bridge));
  NetworkSpec spec = *served->spec;
  if (std::find(spec.leases.begin(), spec.leases.end(), machine) != spec.leases.end()) {
    return served->stale ? Change(*served, std::move(spec)) : absl::OkStatus();
  }
  FLATVM_RETURN_IF_ERROR(CheckFree(spec, machine));
  spec.leases.push_back(machine);
  return Change(*served, std::move(spec));
}

absl::Status DnsmasqServers::RemoveMachine(const std::string& bridge, const Lease& machine) {
  const std::shared_ptr<Served> served = Find(bridge);
  if (served == nullptr) return absl::OkStatus();
  const std::lock_guard lock(served->mutex);
  if (!served->spec) return absl::OkStatus();
  NetworkSpec spec = *served->spec;
  if (std::erase(spec.leases, machine) == 0 && !served->stale) return absl::OkStatus();
  return Change(*served, std::move(spec));
}

absl::Status DnsmasqServers::StartAdvertiser() {
  return Serve({.name = kAdvertiser, .folder = FolderOf(kAdvertiser), .watches_host = true},
               {{kConfigFile, BuildAdvertiserConfig()}}, BridgeAge::kAsBefore);
}

absl::Status DnsmasqServers::EnsureAdvertiser() {
  const std::lock_guard lock(advertiser_mutex_);
  bool wanted = false;
  {
    const std::lock_guard inner(mutex_);
    wanted = !with_prefix_.empty();
  }
  if (advertises_ == wanted) return absl::OkStatus();
  advertises_.reset();
  FLATVM_RETURN_IF_ERROR(wanted ? StartAdvertiser() : RemoveProgram(kAdvertiser));
  advertises_ = wanted;
  return absl::OkStatus();
}

void DnsmasqServers::LogStart(const std::string& what, const std::string& tenant,
                              const absl::Status& started) {
  log_.Log(started.ok() ? base::LogLevel::kWarning : base::LogLevel::kError,
           base::StrCat(what, " had been stopped",
                        started.ok() ? "; it was started anew" : " and does not start: ",
                        base::Message(started)),
           base::LogFields{.tenant = tenant});
}

absl::Status DnsmasqServers::StartAgain(Served& served) {
  const std::lock_guard lock(served.mutex);
  if (!served.spec) return absl::OkStatus();
  // Since they were listed it may have been started.
  const ServerProgram program = ProgramOf(*served.spec);
  FLATVM_ASSIGN_OR_RETURN(const bool runs, programs_.Runs(program.name));
  if (runs) return absl::OkStatus();
  LogStart(base::StrCat("the DHCP and DNS server of network ", NetworkName(served.spec->Id())),
           served.spec->tenant, Serve(program, TextsOf(*served.spec), BridgeAge::kAsBefore));
  return absl::OkStatus();  // it is said, and tried again the next time
}

absl::Status DnsmasqServers::LookAfter() {
  std::vector<std::pair<std::string, std::shared_ptr<Served>>> all;
  {
    const std::lock_guard lock(mutex_);
    all.assign(served_.begin(), served_.end());
  }
  FLATVM_ASSIGN_OR_RETURN(const std::set<std::string> running, programs_.ListRunning());
  absl::Status first;
  for (const auto& [bridge, served] : all) {
    {
      const std::lock_guard lock(served->mutex);
      if (served->spec) first.Update(WriteResolvers(*served->spec));
      if (served->spec && served->stale) first.Update(Change(*served, *served->spec));
    }
    if (!running.contains(bridge)) first.Update(StartAgain(*served));
  }
  if (!running.contains(kAdvertiser)) {
    const std::lock_guard lock(advertiser_mutex_);
    if (advertises_ == true) LogStart("what advertises tenants' prefixes", "", StartAdvertiser());
  }
  return first;
}

}  // namespace flatvm::network
