#include "daemon/hypervisor/domain_lookup.h"

#include "absl/strings/ascii.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/libvirt/errors.h"

namespace flatvm::hypervisor {
namespace {

using libvirt::DomainPtr;
using libvirt::LastError;

// `domain` of a lookup; null if libvirt said that there is none.
absl::StatusOr<DomainPtr> Found(virDomainPtr domain) {
  if (domain != nullptr) return DomainPtr(domain);
  const absl::Status status = LastError("looking a domain up");
  if (absl::IsNotFound(status)) return DomainPtr();
  return status;
}

struct ArrayFreer {
  void operator()(virDomainPtr* array) const { std::free(array); }
};

}  // namespace

absl::StatusOr<DomainPtr> FindByUuid(virConnectPtr connection, const std::string& uuid) {
  return Found(virDomainLookupByUUIDString(connection, uuid.c_str()));
}

absl::StatusOr<DomainPtr> FindByNameOrUuid(virConnectPtr connection,
                                           const std::string& name_or_uuid) {
  const std::string lower = absl::AsciiStrToLower(name_or_uuid);
  if (base::IsUuid(lower)) {
    auto domain = FindByUuid(connection, lower);
    if (!domain.ok() || *domain != nullptr) return domain;
  }
  return Found(virDomainLookupByName(connection, name_or_uuid.c_str()));
}

absl::StatusOr<std::string> ReadXml(virDomainPtr domain, Definition definition) {
  const unsigned flags =
      definition == Definition::kPersistent ? VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE : 0;
  const libvirt::TextPtr xml(virDomainGetXMLDesc(domain, flags));
  if (xml == nullptr) return LastError("reading a domain");
  return std::string(xml.get());
}

absl::StatusOr<DomainFacts> ReadFacts(virDomainPtr domain, Definition definition) {
  FLATVM_ASSIGN_OR_RETURN(const std::string xml, ReadXml(domain, definition));
  return ParseDomainXml(xml);
}

absl::StatusOr<std::optional<DomainFacts>> FindFacts(virDomainPtr domain, Definition definition) {
  auto facts = ReadFacts(domain, definition);
  if (facts.ok()) return std::optional<DomainFacts>(*std::move(facts));
  if (absl::IsNotFound(facts.status())) return std::optional<DomainFacts>();
  return facts.status();
}

absl::StatusOr<bool> IsPersistent(virDomainPtr domain) {
  const int persistent = virDomainIsPersistent(domain);
  if (persistent < 0) return LastError("asking whether a domain is persistent");
  return persistent == 1;
}

absl::StatusOr<std::string> GetUuid(virDomainPtr domain) {
  char uuid[VIR_UUID_STRING_BUFLEN];
  if (virDomainGetUUIDString(domain, uuid) != 0) return LastError("asking for a domain's UUID");
  return std::string(uuid);
}

int RunOf(virDomainPtr domain) {
  const unsigned id = virDomainGetID(domain);
  return id == static_cast<unsigned>(-1) ? kNotRunning : static_cast<int>(id);
}

absl::StatusOr<int> GetRun(virConnectPtr connection, const std::string& uuid) {
  FLATVM_ASSIGN_OR_RETURN(const DomainPtr domain, FindByUuid(connection, uuid));
  if (domain == nullptr) return NotKnown(uuid);
  return RunOf(domain.get());
}

absl::StatusOr<Primary> GetPrimaryDomain(virConnectPtr connection,
                                         const std::string& name_or_uuid) {
  FLATVM_ASSIGN_OR_RETURN(DomainPtr domain, FindByNameOrUuid(connection, name_or_uuid));
  if (domain == nullptr) return NotKnown(name_or_uuid);
  FLATVM_ASSIGN_OR_RETURN(auto facts, FindFacts(domain.get(), Definition::kCurrent));
  if (!facts) return NotKnown(name_or_uuid);
  if (facts->IsSecondary()) {
    return NoPrimary(absl::StatusCode::kFailedPrecondition, facts->name,
                     "is a secondary, which cannot be a primary");
  }
  return Primary{.domain = std::move(domain), .current = *std::move(facts)};
}

absl::Status NoPrimary(absl::StatusCode code, const std::string& name, std::string_view why) {
  return base::MakeError(code, base::Reason::kPrimaryNotDefined,
                         base::StrCat("domain \"", base::EscapeForLog(name), "\" ", why));
}

absl::Status NotKnown(const std::string& name_or_uuid) {
  return NoPrimary(absl::StatusCode::kNotFound, name_or_uuid,
                   "is not known to libvirt on the host");
}

absl::StatusOr<std::vector<DomainPtr>> ListAll(virConnectPtr connection) {
  virDomainPtr* raw = nullptr;
  const int count = virConnectListAllDomains(connection, &raw, 0);
  if (count < 0) return LastError("listing domains");
  const std::unique_ptr<virDomainPtr, ArrayFreer> array(raw);
  std::vector<DomainPtr> domains;
  domains.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) domains.emplace_back(raw[i]);
  return domains;
}

}  // namespace flatvm::hypervisor
