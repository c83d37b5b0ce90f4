// A primary's persistent definition with and without what its tenant gives it. Pure: XML in, XML
// out; everything that is not flatvm's stays as it was.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/hypervisor/hypervisor.h"

namespace flatvm::hypervisor {

// `definition` with the attachment's vsock CID, partition and NIC, and in a q35 machine as many
// root ports as are missing for `hotplug_slots` of them to be free. A vsock device that is there
// keeps its place and gets the CID; the new devices have no PCI address, libvirt chooses one when
// it defines them. What is there already is not added again; if that is all, the result is
// `definition`, byte for byte. Errors: INTERNAL for a bad attachment or XML that is no domain's.
absl::StatusOr<std::string> BuildAttachedXml(const std::string& definition,
                                             const PrimaryAttachment& attachment);

// `definition`, which others may have changed since, without the attachment: each part that still
// holds the attachment's value gets the value of `before` or goes. As many root ports go as were
// added, as far as no device and no port of a higher index is in the way; a controller that libvirt
// added for the new devices may stay. Idempotent. Errors: INTERNAL as above.
absl::StatusOr<std::string> BuildDetachedXml(const std::string& definition,
                                             const std::string& before,
                                             const PrimaryAttachment& attachment);

// Whether two definitions differ in nothing but white space and the order of devices, which libvirt
// changes by itself when the domain starts.
bool SameDefinition(const std::string& a, const std::string& b);

// What DetachPrimary is to define where the definition is now `definition`: before_xml, byte for
// byte, if nobody has changed it since, else as BuildDetachedXml.
absl::StatusOr<std::string> BuildRestoredXml(const std::string& definition,
                                             const PrimaryUndo& undo);

}  // namespace flatvm::hypervisor
