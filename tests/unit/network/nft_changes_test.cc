#include "network/nft_changes.h"

#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cstring>

namespace flatvm::network {
namespace {

template <typename T>
std::string Bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string Padded(std::string bytes) {
  bytes.resize((bytes.size() + 3) / 4 * 4, '\0');
  return bytes;
}

std::string Attribute(uint16_t type, const std::string& text) {
  const nlattr header{.nla_len = static_cast<uint16_t>(sizeof(nlattr) + text.size() + 1),
                      .nla_type = type};
  return Padded(Bytes(header) + text + '\0');
}

std::string Message(int type, uint8_t family, const std::string& attributes) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(sizeof(header) + sizeof(nfgenmsg) + attributes.size());
  header.nlmsg_type = static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
  nfgenmsg generic{};
  generic.nfgen_family = family;
  return Padded(Bytes(header) + Bytes(generic) + attributes);
}

std::string Deleted(const std::string& table, uint8_t family = NFPROTO_INET) {
  return Message(NFT_MSG_DELTABLE, family, Attribute(NFTA_TABLE_NAME, table));
}
std::string EndedBy(const std::string& name) {
  return Message(NFT_MSG_NEWGEN, NFPROTO_UNSPEC, Attribute(NFTA_GEN_PROC_NAME, name));
}

TEST(NftChanges, TellsWhoChangedTheTable) {
  NftChanges changes("ours");
  EXPECT_EQ(changes.Read(Deleted("other") + Deleted("flatvm") + EndedBy("nft")), "nft");
}

TEST(NftChanges, CountsATransactionOfSeveralDatagramsInItsLast) {
  NftChanges changes("ours");
  EXPECT_EQ(changes.Read(Deleted("flatvm")), std::nullopt);
  EXPECT_EQ(changes.Read(Deleted("other")), std::nullopt);
  EXPECT_EQ(changes.Read(EndedBy("nft")), "nft");
  EXPECT_EQ(changes.Read(EndedBy("nft")), std::nullopt) << "the next transaction is another";
}

TEST(NftChanges, CountsEveryKindOfChange) {
  for (const int type : {NFT_MSG_NEWTABLE, NFT_MSG_DELCHAIN, NFT_MSG_NEWRULE, NFT_MSG_DELRULE,
                         NFT_MSG_DELSET, NFT_MSG_DELSETELEM, NFT_MSG_DELOBJ}) {
    NftChanges changes("ours");
    const std::string message = Message(type, NFPROTO_INET, Attribute(1, "flatvm"));
    EXPECT_EQ(changes.Read(message + EndedBy("nft")), "nft") << type;
  }
}

TEST(NftChanges, KnowsBothOfOurTables) {
  NftChanges changes("ours");
  EXPECT_EQ(changes.Read(Deleted("flatvm", NFPROTO_BRIDGE) + EndedBy("nft")), "nft");
}

TEST(NftChanges, PassesOverOurOwn) {
  NftChanges changes("ours");
  EXPECT_EQ(changes.Read(Deleted("flatvm") + EndedBy("ours")), std::nullopt);
  EXPECT_EQ(changes.Read(Deleted("flatvm") + EndedBy("ours-not")), "ours-not");
}

TEST(NftChanges, PassesOverOtherTables) {
  NftChanges changes("ours");
  EXPECT_EQ(changes.Read(Deleted("flatvm", NFPROTO_IPV4) + Deleted("flatvm2") + EndedBy("nft")),
            std::nullopt);
}

TEST(NftChanges, EscapesTheName) {
  NftChanges changes("ours");
  EXPECT_EQ(changes.Read(Deleted("flatvm") + EndedBy("a\nb")), "a\\x0ab");
}

TEST(NftChanges, PassesOverWhatIsMalformed) {
  const std::string whole = Deleted("flatvm") + EndedBy("nft");
  for (size_t size = 0; size < whole.size(); ++size) {
    NftChanges changes("ours");
    changes.Read(whole.substr(0, size));
  }
  std::string endless = Deleted("flatvm");
  endless[sizeof(nlmsghdr) + sizeof(nfgenmsg)] = 0;  // an attribute of length 0
  NftChanges changes("ours");
  EXPECT_EQ(changes.Read(endless + EndedBy("nft")), std::nullopt);
}

}  // namespace
}  // namespace flatvm::network
