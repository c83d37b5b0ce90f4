#include "network/ports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "network/nft_ports.h"

namespace flatvm::network {
namespace {

std::string Link(uint16_t type, bool on_bridge, const std::string& mac) {
  ifinfomsg header{};
  header.ifi_index = 7;
  netlink::Message message(type, 0);
  message.Header(header).Text(IFLA_IFNAME, "vnet0").Bytes(IFLA_ADDRESS, mac);
  if (on_bridge) message.Number(IFLA_MASTER, 3);
  return message.Take(1);
}

std::optional<Port> Read(const std::string& bytes) {
  std::string_view datagram = bytes;
  return ReadPort(*netlink::NextMessage(&datagram));
}
std::optional<uint32_t> ReadBridge(const std::string& bytes) {
  std::string_view datagram = bytes;
  return ReadChangedBridge(*netlink::NextMessage(&datagram));
}

const std::string kTapMac = "\xfe\x54\x01\xd5\x04\x02";

TEST(Ports, AreReadFromTheKernelsMessages) {
  EXPECT_EQ(Read(Link(RTM_NEWLINK, true, kTapMac)),
            (Port{.index = 7, .bridge = 3, .name = "vnet0", .mac = "fe:54:01:d5:04:02"}));
  EXPECT_EQ(Read(Link(RTM_NEWLINK, false, kTapMac)), std::nullopt);
  EXPECT_EQ(Read(Link(RTM_DELLINK, true, kTapMac)), std::nullopt);
  EXPECT_EQ(Read(Link(RTM_NEWLINK, true, "odd"))->mac, "");
}

TEST(Ports, ChangeABridgeWhenTheyComeAndWhenTheyGo) {
  EXPECT_EQ(ReadBridge(Link(RTM_NEWLINK, true, kTapMac)), 3U);
  EXPECT_EQ(ReadBridge(Link(RTM_DELLINK, true, kTapMac)), 3U);
  EXPECT_EQ(ReadBridge(Link(RTM_NEWLINK, false, kTapMac)), std::nullopt);
  EXPECT_EQ(ReadBridge(Link(RTM_NEWADDR, true, kTapMac)), std::nullopt);
}

const std::vector<Lease> kMachines = {
    {.hostname = "db", .mac = "52:54:01:d5:04:03", .address = {3}},
    {.hostname = "web", .mac = "52:54:01:d5:04:02", .address = {2}}};

TEST(Ports, AreAMachinesByTheirName) {
  const auto owner = [](const std::string& name, const std::string& mac) {
    const Lease* const found = FindMachine({.name = name, .mac = mac}, kMachines);
    return found == nullptr ? "" : found->hostname;
  };
  EXPECT_EQ(owner("fv525401d50402", "4e:16:a8:af:da:c2"), "web") << "udev gave it an address";
  EXPECT_EQ(owner("fv525401d50402", "fe:54:01:d5:04:03"), "web") << "the name comes first";
  EXPECT_EQ(owner("fv525401d50409", "4e:16:a8:af:da:c2"), "");
}

TEST(Ports, ThatAreNotNamedAreAMachinesByAllBytesButTheFirst) {
  const auto& machines = kMachines;
  const auto owner = [&](const std::string& mac) {
    const Lease* const found = FindMachine({.mac = mac}, machines);
    return found == nullptr ? "" : found->hostname;
  };
  EXPECT_EQ(owner("fe:54:01:d5:04:02"), "web");
  EXPECT_EQ(owner("fe:54:01:d5:04:09"), "");
  EXPECT_EQ(owner(""), "");
  EXPECT_EQ(FindMachine({.mac = "fe"}, {{.mac = "52"}}), nullptr);
}

TEST(Ports, HaveMacsAsBytes) {
  EXPECT_EQ(BytesOfMac("52:54:00:d5:04:ff"), (MacBytes{0x52, 0x54, 0x00, 0xD5, 0x04, 0xFF}));
}

PortBinding Binding() {
  return {.port = "vnet0",
          .mac = "52:54:00:d5:04:02",
          .address = {0x0AD50402U},
          .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24"),
          .link_local = AddressOf(kLinkLocal, "52:54:00:d5:04:02")};
}

TEST(PortTable, LooksAtNoAddressOfAMachineAnywhere) {
  PortBinding anywhere{.port = "vnet0",
                       .mac = "52:54:00:d5:04:02",
                       .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24"),
                       .anywhere = true};
  EXPECT_EQ(BuildBindPort(anywhere),
            "add element bridge flatvm macs { \"vnet0\" . 52:54:00:d5:04:02 }\n"
            "add element bridge flatvm anywhere { \"vnet0\" }\n"
            "add element bridge flatvm spoofed_of { \"vnet0\" : \"spoofed-fv-0ad50400\" }\n"
            "add element bridge flatvm refused_of { \"vnet0\" : \"refused-fv-0ad50400\" }\n"
            "add element bridge flatvm ports { \"vnet0\" }\n");
}

TEST(PortTable, FindsPortsThatCountForATenant) {
  const std::string listing =
      "table bridge flatvm {\n map spoofed_of {\n type ifname : counter\n"
      " elements = { \"fv525400d50402\" : \"spoofed-fv-0ad50400\",\n"
      "   \"rival\" : \"spoofed-fv-0ad50500\", \"web\" : \"spoofed-fv-0ad50400\" }\n }\n}\n";
  EXPECT_THAT(ParseBoundPorts(listing, *ParseIpv4Subnet("test", "10.213.4.0/24")),
              ::testing::ElementsAre("fv525400d50402", "web"));
  EXPECT_THAT(ParseBoundPorts("", *ParseIpv4Subnet("test", "10.213.4.0/24")), ::testing::IsEmpty());
}

TEST(PortTable, KnowsARouter) {
  PortBinding router = Binding();
  router.routes = true;
  EXPECT_EQ(BuildBindPort(router),
            "add element bridge flatvm routers { \"vnet0\" }\n"
            "add element bridge flatvm inside { \"vnet0\" . 10.213.4.0/24 }\n" +
                BuildBindPort(Binding()));
  EXPECT_NE(BuildUnbindPort(router).find("delete element bridge flatvm routers"),
            std::string::npos);
}

TEST(PortTable, BindsAPortByElementsOnly) {
  PortBinding binding = Binding();
  binding.address6 = *ParseIpv6Address("test", "fd12::5054:ff:fed5:402");
  EXPECT_EQ(BuildBindPort(binding),
            "add element bridge flatvm macs { \"vnet0\" . 52:54:00:d5:04:02 }\n"
            "add element bridge flatvm addresses { \"vnet0\" . 10.213.4.2 }\n"
            "add element bridge flatvm addresses6 { \"vnet0\" . fe80::5054:ff:fed5:402 }\n"
            "add element bridge flatvm targets { \"vnet0\" . 0xfe80000000000000505400fffed50402 }\n"
            "add element bridge flatvm addresses6 { \"vnet0\" . fd12::5054:ff:fed5:402 }\n"
            "add element bridge flatvm targets { \"vnet0\" . 0xfd12000000000000505400fffed50402 }\n"
            "add element bridge flatvm spoofed_of { \"vnet0\" : \"spoofed-fv-0ad50400\" }\n"
            "add element bridge flatvm refused_of { \"vnet0\" : \"refused-fv-0ad50400\" }\n"
            "add element bridge flatvm ports { \"vnet0\" }\n");
  std::string unbind = BuildBindPort(binding);
  for (size_t at = 0; (at = unbind.find("add ", at)) != std::string::npos;) {
    unbind.replace(at, 4, "delete ");
  }
  EXPECT_EQ(BuildUnbindPort(binding), unbind);
}

}  // namespace
}  // namespace flatvm::network
