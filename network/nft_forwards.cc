#include "network/nft_forwards.h"

#include "daemon/base/str_cat.h"
#include "network/nft_base_ruleset.h"

namespace flatvm::network {
namespace {

std::string Elements(const char* verb, const ForwardBinding& binding) {
  const char* const protocol = binding.protocol == Protocol::kTcp ? "tcp" : "udp";
  const std::string address = binding.address.ToString();
  return base::StrCat(verb, " element inet ", kNftTable, " forwards { ", protocol, " . ",
                      binding.host_port, " : ", address, " . ", binding.port, " }\n", verb,
                      " element inet ", kNftTable, " forwarded { \"", BridgeName(binding.subnet),
                      "\" . ", address, " . ", protocol, " . ", binding.port, " }\n");
}

}  // namespace

std::string BuildAddForward(const ForwardBinding& binding) { return Elements("add", binding); }

std::string BuildRemoveForward(const ForwardBinding& binding) {
  return Elements("delete", binding);
}

std::string BuildRemoveAllForwards() {
  return base::StrCat("flush map inet ", kNftTable, " forwards\nflush set inet ", kNftTable,
                      " forwarded\n");
}

}  // namespace flatvm::network
