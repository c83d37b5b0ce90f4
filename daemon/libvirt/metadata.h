// The XML namespace of what flatvm writes into <metadata> of libvirt's domains and networks.
#pragma once

namespace flatvm::libvirt {

// An element of this namespace, as libvirt gives it back, is what tells flatvm's objects from the
// operator's.
inline constexpr char kMetadataUri[] = "https://flatvm.dev/xmlns/libvirt/1";

// The prefix that the namespace has in XML that flatvm writes. Readers go by the URI.
inline constexpr char kMetadataPrefix[] = "flatvm";

}  // namespace flatvm::libvirt
