// The only owners of libvirt's C handles.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdlib>
#include <memory>

namespace flatvm::libvirt {

struct DomainFree {
  void operator()(virDomain* domain) const { virDomainFree(domain); }
};
struct NetworkFree {
  void operator()(virNetwork* network) const { virNetworkFree(network); }
};
struct CFree {
  void operator()(char* text) const { std::free(text); }
};

using DomainPtr = std::unique_ptr<virDomain, DomainFree>;
using NetworkPtr = std::unique_ptr<virNetwork, NetworkFree>;
using TextPtr = std::unique_ptr<char, CFree>;  // text that libvirt allocated
using ConnectPtr = std::shared_ptr<virConnect>;

}  // namespace flatvm::libvirt
