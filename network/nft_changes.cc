#include "network/nft_changes.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cstdint>
#include <cstring>

#include "daemon/base/error.h"
#include "network/nft_rules.h"

namespace flatvm::network {
namespace {

// NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, ...: the first attribute of every kind.
constexpr uint16_t kTableName = 1;
static_assert(NFTA_TABLE_NAME == kTableName && NFTA_CHAIN_TABLE == kTableName &&
              NFTA_RULE_TABLE == kTableName && NFTA_SET_TABLE == kTableName &&
              NFTA_SET_ELEM_LIST_TABLE == kTableName && NFTA_OBJ_TABLE == kTableName);
constexpr uint16_t kTypeMask = 0x3FFF;  // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

size_t Aligned(size_t length) { return (length + NLMSG_ALIGNTO - 1) & ~size_t{NLMSG_ALIGNTO - 1}; }

// The text of the attribute `type` of a message's body, without its zero; empty if it has none.
std::string_view FindText(std::string_view body, uint16_t type) {
  if (body.size() < sizeof(nfgenmsg)) return {};
  body.remove_prefix(sizeof(nfgenmsg));
  while (body.size() >= sizeof(nlattr)) {
    nlattr attribute{};
    std::memcpy(&attribute, body.data(), sizeof(attribute));
    const size_t length = attribute.nla_len;
    if (length < sizeof(nlattr) || length > body.size()) return {};
    if ((attribute.nla_type & kTypeMask) == type) {
      const std::string_view text = body.substr(sizeof(nlattr), length - sizeof(nlattr));
      return text.substr(0, text.find('\0'));
    }
    body.remove_prefix(std::min(body.size(), Aligned(length)));
  }
  return {};
}

bool IsOurTable(std::string_view body) {
  const bool inet = !body.empty() && static_cast<uint8_t>(body[0]) == NFPROTO_INET;
  return inet && FindText(body, kTableName) == kNftTable;
}

}  // namespace

std::optional<std::string> NftChanges::Read(std::string_view datagram) {
  std::optional<std::string> author;
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, datagram.data(), sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > datagram.size()) break;
    const std::string_view body =
        datagram.substr(sizeof(header), header.nlmsg_len - sizeof(header));
    datagram.remove_prefix(std::min(datagram.size(), Aligned(header.nlmsg_len)));
    if (NFNL_SUBSYS_ID(header.nlmsg_type) != NFNL_SUBSYS_NFTABLES) continue;
    if (NFNL_MSG_TYPE(header.nlmsg_type) != NFT_MSG_NEWGEN) {
      touched_ = touched_ || IsOurTable(body);
      continue;
    }
    const std::string_view name = FindText(body, NFTA_GEN_PROC_NAME);
    if (touched_ && name != own_name_) author = base::EscapeForLog(name);
    touched_ = false;
  }
  return author;
}

}  // namespace flatvm::network
