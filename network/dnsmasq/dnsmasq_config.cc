#include "network/dnsmasq/dnsmasq_config.h"

#include <cstdint>

#include "daemon/base/str_cat.h"

namespace flatvm::network {
namespace {

constexpr uint32_t kAdvertiseSeconds = 600;  // machines that boot ask for it
constexpr char kBridges[] = "fv-*";          // as BridgeName has them

// Of all of them. It is started as nobody in particular and stays that.
constexpr char kBegin[] =
    "# Written by flatvmd, which renews it.\n"
    "user=root\n"
    "group=root\n"
    "pid-file=\n"
    "log-facility=-\n"
    "quiet-dhcp\n"
    "quiet-ra\n"
    "no-hosts\n"
    "domain-needed\n"  // what has no domain is a machine of this network, or none
    "except-interface=lo\n";

// A host name stands in one comma-separated line with keywords and times in dnsmasq's hosts file,
// where a machine called "ignore", "infinite" or "60m" would not be one; with its domain it always
// is.
std::string QualifiedName(const NetworkSpec& spec, const Lease& lease) {
  return base::StrCat(lease.hostname, ".", DnsDomain(spec.Id()));
}

// Without a way out of the machines' own, it asks no server of the host's for them either:
// questions are a way out, too.
std::string BuildWayOut(const NetworkSpec& spec, const std::string& folder) {
  switch (spec.mode) {
    case NetworkMode::kNat:
      return base::StrCat("resolv-file=", folder, "/", kResolversFile, "\n");
    case NetworkMode::kIsolated:
      return "no-resolv\ndhcp-option=option:router\n";  // of which there is none
    case NetworkMode::kBridge:
    case NetworkMode::kViaPrimary:
      break;
  }
  const Lease* const primary = FindPrimary(spec.leases);
  if (primary == nullptr) return "no-resolv\n";  // CheckNetworkSpec refuses that
  return base::StrCat("no-resolv\ndhcp-mac=set:primary,", primary->mac,
                      "\ndhcp-option=tag:!primary,option:router,", primary->address.ToString(),
                      "\n");
}

}  // namespace

bool AsksResolvers(const NetworkSpec& spec) { return spec.mode == NetworkMode::kNat; }

std::string BuildDnsmasqConfig(const NetworkSpec& spec, const std::string& folder) {
  const std::string domain = DnsDomain(spec.Id());
  return base::StrCat(
      kBegin, "interface=", BridgeName(spec.subnet),
      "\nbind-interfaces\nstrict-order\ndomain=", domain, "\nlocal=/", domain,
      "/\naddn-hosts=", folder, "/", kNamesFile,
      // A lease is kept in memory, for an hour; who has one asks for it again after a restart.
      "\nleasefile-ro\ndhcp-authoritative\ndhcp-no-override\nno-ping\ndhcp-range=",
      spec.subnet.address.ToString(), ",static,", spec.subnet.Netmask(),
      ",1h\ndhcp-lease-max=", spec.subnet.size(), "\ndhcp-hostsfile=", folder, "/", kHostsFile,
      "\n", spec.mtu == 0 ? "" : base::StrCat("dhcp-option=option:mtu,", spec.mtu, "\n"),
      BuildWayOut(spec, folder));
}

std::string BuildDhcpHosts(const NetworkSpec& spec) {
  std::string text;
  for (const Lease& lease : spec.leases) {
    base::StrAppend(&text, lease.mac, ",", lease.address.ToString(), ",",
                    QualifiedName(spec, lease), "\n");
  }
  return text;
}

std::string BuildNames(const NetworkSpec& spec) {
  std::string text;
  for (const Lease& lease : spec.leases) {
    const std::string names =
        base::StrCat(" ", QualifiedName(spec, lease), " ", lease.hostname, "\n");
    base::StrAppend(&text, lease.address.ToString(), names);
    if (spec.prefix) {
      base::StrAppend(&text, AddressOf(*spec.prefix, lease.mac).ToString(), names);
    }
  }
  return text;
}

// Of a prefix and of no router: IPv6 leads nowhere else. Nor of a DNS server, which dnsmasq
// otherwise adds: DHCP names one, and guests whose address is not the one they may have would ask
// it in vain.
std::string BuildAdvertiserConfig() {
  return base::StrCat(kBegin, "interface=", kBridges,
                      "\nport=0\nleasefile-ro\nenable-ra\ndhcp-option=option6:dns-server\n"
                      "dhcp-range=::,constructor:",
                      kBridges, ",ra-only,64\nra-param=", kBridges, ",", kAdvertiseSeconds, ",0\n");
}

}  // namespace flatvm::network
