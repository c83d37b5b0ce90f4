// Finding domains on a connection and reading them. Everything blocks on libvirtd. Errors:
// UNAVAILABLE / kHypervisorUnavailable; INTERNAL.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/hypervisor/domain_facts.h"
#include "daemon/libvirt/handles.h"

namespace flatvm::hypervisor {

// The domain with this UUID, or null.
absl::StatusOr<libvirt::DomainPtr> FindByUuid(virConnectPtr connection, const std::string& uuid);

// The domain with this UUID, else the one with this name, or null.
absl::StatusOr<libvirt::DomainPtr> FindByNameOrUuid(virConnectPtr connection,
                                                    const std::string& name_or_uuid);

enum class Definition { kCurrent, kPersistent };

// The running definition (kCurrent; that of a shut off domain is its persistent one) or the
// persistent one, with its passwords, so that it can be defined again. Errors: also NOT_FOUND
// without a Reason if the domain has gone meanwhile.
absl::StatusOr<std::string> ReadXml(virDomainPtr domain, Definition definition);

// ReadXml, parsed.
absl::StatusOr<DomainFacts> ReadFacts(virDomainPtr domain, Definition definition);

// The same, or nothing if the domain has gone meanwhile.
absl::StatusOr<std::optional<DomainFacts>> FindFacts(virDomainPtr domain, Definition definition);

absl::StatusOr<bool> IsPersistent(virDomainPtr domain);

absl::StatusOr<std::string> GetUuid(virDomainPtr domain);

// The number of the run that the domain had when it was looked up, or kNotRunning. Asks nobody.
int RunOf(virDomainPtr domain);

// The number of the domain's current run, or kNotRunning. Errors: also NOT_FOUND /
// kPrimaryNotDefined.
absl::StatusOr<int> GetRun(virConnectPtr connection, const std::string& uuid);

// A domain that is no secondary, with its current definition's facts.
struct Primary {
  libvirt::DomainPtr domain;
  DomainFacts current;
};

// Errors: also NOT_FOUND / kPrimaryNotDefined; FAILED_PRECONDITION / kPrimaryNotDefined if it is a
// secondary.
absl::StatusOr<Primary> GetPrimaryDomain(virConnectPtr connection, const std::string& name_or_uuid);

// `code` / kPrimaryNotDefined: domain "<name>" <why>.
absl::Status NoPrimary(absl::StatusCode code, const std::string& name, std::string_view why);

// What there is to say where libvirt knows no such domain: NOT_FOUND / kPrimaryNotDefined.
absl::Status NotKnown(const std::string& name_or_uuid);

// Every domain, running or not.
absl::StatusOr<std::vector<libvirt::DomainPtr>> ListAll(virConnectPtr connection);

}  // namespace flatvm::hypervisor
