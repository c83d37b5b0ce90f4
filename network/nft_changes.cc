#include "network/nft_changes.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstdint>

#include "daemon/base/error.h"
#include "network/netlink/message.h"
#include "network/nft_base_ruleset.h"

namespace flatvm::network {
namespace {

// NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, ...: the first attribute of every kind.
constexpr uint16_t kTableName = 1;
static_assert(NFTA_TABLE_NAME == kTableName && NFTA_CHAIN_TABLE == kTableName &&
              NFTA_RULE_TABLE == kTableName && NFTA_SET_TABLE == kTableName &&
              NFTA_SET_ELEM_LIST_TABLE == kTableName && NFTA_OBJ_TABLE == kTableName);

bool IsOurTable(const netlink::Received& message) {
  const uint8_t family = message.As<nfgenmsg>().nfgen_family;
  return (family == NFPROTO_INET || family == NFPROTO_BRIDGE) &&
         netlink::FindText(message.Attributes(sizeof(nfgenmsg)), kTableName) == kNftTable;
}

}  // namespace

std::optional<std::string> NftChanges::Read(std::string_view datagram) {
  std::optional<std::string> author;
  while (const std::optional<netlink::Received> message = netlink::NextMessage(&datagram)) {
    const uint16_t type = message->header.nlmsg_type;
    if (NFNL_SUBSYS_ID(type) != NFNL_SUBSYS_NFTABLES) continue;
    if (NFNL_MSG_TYPE(type) != NFT_MSG_NEWGEN) {
      touched_ = touched_ || IsOurTable(*message);
      continue;
    }
    const std::string_view name =
        netlink::FindText(message->Attributes(sizeof(nfgenmsg)), NFTA_GEN_PROC_NAME);
    if (touched_ && name != own_name_) author = base::EscapeForLog(name);
    touched_ = false;
  }
  return author;
}

}  // namespace flatvm::network
