// Of the programs that flatvm stands on: there, and not too old.
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/check/check_host.h"
#include "daemon/check/version.h"

namespace flatvm::check {
namespace {

constexpr const char* kSystemdRuns = "/run/systemd/system";  // sd_booted(3)
constexpr const char* kNft = "/usr/sbin/nft";

struct Least {
  uint32_t major;
  uint32_t minor;
};
// What the package flatvm-host depends on.
constexpr Least kSystemd{252, 0};
constexpr Least kLibvirt{9, 0};
constexpr Least kE2fsprogs{1, 46};
// What the tests run on; nothing older was tried.
constexpr Least kTriedQemu{7, 2};

std::string TextOf(const Least& least) { return base::StrCat(least.major, ".", least.minor); }

HostItem CheckSystemd(Host& host) {
  constexpr const char* kName = "systemd";
  if (!host.Has(kSystemdRuns, Use::kFind)) {
    return {kName, ItemState::kFail,
            base::StrCat("does not run this host (", kSystemdRuns,
                         " is missing); flatvm needs it for the tenants' slices")};
  }
  const auto said = host.Run({"/usr/bin/systemctl", "--version"});
  const std::optional<Version> version = said.ok() ? FindVersion(said->output) : std::nullopt;
  if (!version) return {kName, ItemState::kWarn, "runs, but systemctl does not say its version"};
  if (version->IsAtLeast(kSystemd.major, kSystemd.minor)) {
    return {kName, ItemState::kOk, version->text};
  }
  return {kName, ItemState::kFail,
          base::StrCat(version->text, " is older than ", kSystemd.major, ", which flatvm needs")};
}

HostItem CheckQemu(const HypervisorVersions& versions) {
  constexpr const char* kName = "qemu";
  const std::optional<Version> version = FindVersion(versions.qemu);
  if (!version) return {kName, ItemState::kWarn, "libvirt does not say its version"};
  if (version->IsAtLeast(kTriedQemu.major, kTriedQemu.minor)) {
    return {kName, ItemState::kOk, version->text};
  }
  return {kName, ItemState::kWarn,
          base::StrCat(version->text, " is older than ", TextOf(kTriedQemu),
                       ", and was never tried with flatvm")};
}

// libvirt and qemu.
HostItems CheckHypervisor(Host& host, const std::string& uri) {
  constexpr const char* kName = "libvirt";
  const absl::StatusOr<HypervisorVersions> versions = host.AskLibvirt(uri);
  if (!versions.ok()) {
    return {
        {kName, ItemState::kFail,
         base::StrCat(uri, " cannot be reached; systemctl start libvirtd, and see its journal")},
        {"qemu", ItemState::kWarn, "not known, as libvirt does not answer"}};
  }
  const std::optional<Version> version = FindVersion(versions->libvirt);
  HostItem libvirt{kName, ItemState::kOk, base::StrCat(versions->libvirt, " at ", uri)};
  if (!version || !version->IsAtLeast(kLibvirt.major, kLibvirt.minor)) {
    libvirt.state = ItemState::kFail;
    base::StrAppend(&libvirt.text, " is older than ", TextOf(kLibvirt), ", which flatvm needs");
  }
  return {std::move(libvirt), CheckQemu(*versions)};
}

HostItem CheckOwnPrograms(Host& host, const config::Config& config) {
  constexpr const char* kName = "programs";
  const std::array<std::pair<const std::string*, const char*>, 4> programs = {
      {{&config.front_program, "flatvm-host"},
       {&config.quota_program, "flatvm-host"},
       {&config.import_program, "flatvm-host"},
       {&config.qemu_img_program, "qemu-utils"}}};
  std::string missing;
  for (const auto& [path, package] : programs) {
    if (host.Has(*path, Use::kExecute)) continue;
    base::StrAppend(&missing, missing.empty() ? "" : "; ", *path,
                    " cannot be executed: install the package ", package);
  }
  if (missing.empty()) {
    return {kName, ItemState::kOk, "flatvm-front, flatvm-quota, flatvm-import, qemu-img"};
  }
  return {kName, ItemState::kFail, missing};
}

HostItem CheckE2fsprogs(Host& host) {
  constexpr const char* kName = "e2fsprogs";
  // As daemon/quota_worker starts them.
  for (const char* program : {"/sbin/mke2fs", "/sbin/e2fsck", "/sbin/resize2fs"}) {
    if (host.Has(program, Use::kExecute)) continue;
    return {kName, ItemState::kFail,
            base::StrCat(program,
                         " cannot be executed, and no quota disk can be made or give an "
                         "image away; install the package e2fsprogs")};
  }
  const auto said = host.Run({"/sbin/e2fsck", "-V"});
  const std::optional<Version> version = said.ok() ? FindVersion(said->output) : std::nullopt;
  if (!version) {
    return {kName, ItemState::kWarn, "mke2fs, e2fsck, resize2fs; they do not say their version"};
  }
  const std::string text = base::StrCat("mke2fs, e2fsck, resize2fs ", version->text);
  if (version->IsAtLeast(kE2fsprogs.major, kE2fsprogs.minor)) return {kName, ItemState::kOk, text};
  return {kName, ItemState::kFail,
          base::StrCat(text, ": older than ", TextOf(kE2fsprogs), ", which flatvm needs")};
}

// The first line of what a program said.
std::string FirstLine(const std::string& output) {
  return base::EscapeForLog(output.substr(0, output.find('\n')));
}

}  // namespace

HostItems CheckPrograms(Host& host, const config::Config& config) {
  HostItems items = {CheckSystemd(host)};
  for (HostItem& item : CheckHypervisor(host, config.libvirt_uri)) items.push_back(std::move(item));
  items.push_back(CheckOwnPrograms(host, config));
  items.push_back(CheckE2fsprogs(host));
  return items;
}

HostItems CheckFilter(Host& host, const DaemonAnswer& answer) {
  constexpr const char* kName = "nftables";
  if (!host.Has(kNft, Use::kExecute)) {
    return {{kName, ItemState::kWarn,
             "not looked at, as there is no nft; install the package nftables (flatvmd itself does "
             "not need it)"}};
  }
  const auto table = host.Run({kNft, "list", "table", "inet", "flatvm"});
  if (table.ok() && table->exit_code == 0) {
    return {{kName, ItemState::kOk, "the tenants' filter is loaded (nft list table inet flatvm)"}};
  }
  if (answer.status.ok() && !answer.budgets.empty()) {
    return {
        {kName, ItemState::kFail,
         "the table inet flatvm is gone, and nothing is filtered between tenants; flatvmd puts it "
         "back when somebody flushes it, and its journal says what keeps it from that"}};
  }
  const auto tables = host.Run({kNft, "list", "tables"});
  if (tables.ok() && tables->exit_code == 0) {
    return {{kName, ItemState::kOk, "usable; the tenants' filter comes with the first of them"}};
  }
  return {{kName, ItemState::kFail,
           base::StrCat("cannot be used: ", tables.ok()
                                                ? FirstLine(tables->output)
                                                : std::string(base::Message(tables.status())))}};
}

}  // namespace flatvm::check
