// A network namespace that plays the host, with two tenants and the world outside, for tests that
// send packets through what keeps them apart.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "network/ipv4.h"
#include "network/kernel_network.h"
#include "network/nft_table.h"
#include "network/tenant_networks.h"
#include "tests/integration/net_namespace.h"

namespace flatvm::integration {

inline const network::Ipv4Subnet kAcme = *network::ParseIpv4Subnet("test", "10.213.4.0/24");
inline const network::Ipv4Subnet kGlobex = *network::ParseIpv4Subnet("test", "10.213.5.0/24");
inline constexpr uint16_t kPort = 8080;

// What a tenant's network is to be, with its machines.
network::NetworkSpec SpecOf(const network::Ipv4Subnet& subnet);

// host: two tenants' bridges and the uplink 192.0.2.1; acme has two machines, globex one; outside
// is 192.0.2.2, whose only route is its link, so that an answer to a tenant's own address would go
// nowhere. Nothing is filtered yet.
class TwoTenants : public ::testing::Test {
 protected:
  void SetUp() override;

  void Load(const std::string& commands);  // nft's, in host_
  // Has `kernel` filter and guard them as flatvmd does it. OK, or why the kernel takes no guard.
  absl::Status Guard(network::KernelNetwork& kernel,
                     const std::vector<network::NetworkSpec>& tenants);

  static bool Arrives(const NetNamespace& sender, const NetNamespace& receiver,
                      const std::string& to, uint16_t port = kPort);
  static bool IsSilent(const NetNamespace& sender, const NetNamespace& receiver,
                       const std::string& to, uint16_t port = kPort, const std::string& from = "");

  network::NftTable nft_;
  std::unique_ptr<NetNamespace> host_, web_, db_, rival_, outside_;

 private:
  void MakeBridge(const network::Ipv4Subnet& subnet);
  std::unique_ptr<NetNamespace> AttachMachine(const std::string& tap,
                                              const network::Ipv4Subnet& subnet,
                                              const std::string& address);
};

}  // namespace flatvm::integration
