#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "network/netlink/message.h"

namespace flatvm::netlink {
namespace {

Message Sample() {
  tcmsg header{};
  header.tcm_ifindex = 7;
  Message message(RTM_NEWTFILTER, NLM_F_CREATE);
  message.Header(header).Text(1, "bpf");
  const size_t nested = message.Begin(2);
  message.Number(3, 0xAABBCCDDU).Text(4, "name").End(nested);
  return message;
}

TEST(NetlinkMessage, IsReadAsItWasBuilt) {
  const std::string bytes = Sample().Take(42);
  std::string_view rest = bytes;
  const std::optional<Received> read = NextMessage(&rest);
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(read->header.nlmsg_type, RTM_NEWTFILTER);
  EXPECT_EQ(read->header.nlmsg_seq, 42U);
  EXPECT_EQ(read->header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
  EXPECT_EQ(read->As<tcmsg>().tcm_ifindex, 7);
  const std::string_view attributes = read->Attributes(sizeof(tcmsg));
  EXPECT_EQ(FindText(attributes, 1), "bpf");
  const std::optional<std::string_view> nested = FindAttribute(attributes, 2);
  ASSERT_TRUE(nested.has_value());
  EXPECT_EQ(FindNumber(*nested, 3), 0xAABBCCDDU);
  EXPECT_EQ(FindText(*nested, 4), "name");
  EXPECT_EQ(FindText(*nested, 5), "");
  EXPECT_EQ(FindNumber(attributes, 9), std::nullopt);
}

TEST(NetlinkMessage, ComesSeveralInOneDatagram) {
  const std::string bytes = Sample().Take(1) + Sample().Take(2);
  std::string_view rest = bytes;
  EXPECT_EQ(NextMessage(&rest)->header.nlmsg_seq, 1U);
  EXPECT_EQ(NextMessage(&rest)->header.nlmsg_seq, 2U);
  EXPECT_FALSE(NextMessage(&rest).has_value());
}

TEST(NetlinkMessage, IsNotReadBeyondItsEnd) {
  const std::string whole = Sample().Take(1);
  for (size_t size = 0; size < whole.size(); ++size) {
    std::string cut = whole.substr(0, size);
    std::string_view rest = cut;
    EXPECT_FALSE(NextMessage(&rest).has_value()) << size;
    // With a header that fits what is left of it.
    if (size < sizeof(nlmsghdr)) continue;
    const auto length = static_cast<uint32_t>(size);
    cut.replace(0, sizeof(length), reinterpret_cast<const char*>(&length), sizeof(length));
    rest = cut;
    const std::optional<Received> read = NextMessage(&rest);
    ASSERT_TRUE(read.has_value());
    FindText(read->Attributes(sizeof(tcmsg)), 4);
    EXPECT_EQ(FindAttribute(read->Attributes(sizeof(tcmsg)), 5), std::nullopt);
  }
}

}  // namespace
}  // namespace flatvm::netlink
