#include "network/guard/bridge_ipv6.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <cstddef>

namespace flatvm::guard {
namespace {

using network::Ipv6Address;

constexpr uint32_t kDns = 53;
constexpr uint32_t kOwnLink = 255;       // the hop limit of what no router has passed on (RFC 4861)
constexpr uint32_t kLinkGroup = 0xFF02;  // how the groups of a link begin, ff02::/16

// The bridge's own, at which machines find it by its hardware address.
Ipv6Address LinkLocalGateway(const Subnets& subnets) {
  return network::AddressOf(network::kLinkLocal, subnets.gateway_mac);
}

void LoadWord(BpfProgram& code, size_t at) {
  code.Load(Size::kWord, Reg::kR0, Reg::kR10, static_cast<int16_t>(kWords + Field(at)));
}

// Goes on if just this address was read to kWords.
void JumpUnlessAddress(BpfProgram& code, const Ipv6Address& address, BpfProgram::Label to) {
  for (size_t i = 0; i < address.bytes.size(); i += sizeof(uint32_t)) {
    LoadWord(code, i);
    code.JumpUnlessEqual(Reg::kR0, WordOf(&address.bytes[i]), to);
  }
}

void JumpIfAddress(BpfProgram& code, const Ipv6Address& address, BpfProgram::Label to) {
  const BpfProgram::Label other = code.NewLabel();
  JumpUnlessAddress(code, address, other);
  code.Jump(to);
  code.Bind(other);
}

// Of the tenant's own, or none; which of them is whose, the port has seen to.
void EmitSource(FrameWriter& writer, const Subnets& subnets) {
  BpfProgram& code = writer.code();
  const BpfProgram::Label known = code.NewLabel();
  const BpfProgram::Label near = code.NewLabel();
  const BpfProgram::Label spoofed = writer.verdicts().spoofed;
  writer.Read(kIpv6Source, kWords, sizeof(in6_addr));
  for (const Ipv6Address& gateway : {subnets.ipv6->Gateway(), LinkLocalGateway(subnets)}) {
    JumpIfAddress(code, gateway, spoofed);
  }
  JumpIfAddress(code, Ipv6Address{}, known);
  LoadWord(code, 0);
  code.JumpIfEqual(Reg::kR0, WordOf(network::kLinkLocal.bytes.data()), near);
  code.JumpUnlessEqual(Reg::kR0, WordOf(subnets.ipv6->bytes.data()), spoofed);
  LoadWord(code, sizeof(uint32_t));
  code.JumpUnlessEqual(Reg::kR0, WordOf(&subnets.ipv6->bytes[sizeof(uint32_t)]), spoofed);
  code.Jump(known);
  code.Bind(near);
  LoadWord(code, sizeof(uint32_t));
  code.JumpUnlessEqual(Reg::kR0, 0, spoofed);
  code.Bind(known);
}

// For the gateway and for groups: the host would lead it anywhere else, too. R9: the hop limit.
void EmitDiscovery(FrameWriter& writer, const Subnets& subnets) {
  BpfProgram& code = writer.code();
  code.JumpUnlessEqual(Reg::kR9, kOwnLink, writer.verdicts().refused);
  writer.Read(kIpv6Destination, kWords, sizeof(in6_addr));
  for (const Ipv6Address& gateway : {subnets.ipv6->Gateway(), LinkLocalGateway(subnets)}) {
    JumpIfAddress(code, gateway, writer.verdicts().passed);
  }
  code.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, htons(kLinkGroup), writer.verdicts().passed);
  code.Jump(writer.verdicts().refused);
}

// To the gateway: what it serves. R8: the next header.
void EmitServices(FrameWriter& writer) {
  BpfProgram& code = writer.code();
  const Verdicts& verdicts = writer.verdicts();
  const BpfProgram::Label port = code.NewLabel();
  const BpfProgram::Label icmp = code.NewLabel();
  writer.Read(kIpv6Payload, kWords, sizeof(uint32_t));
  code.JumpIfEqual(Reg::kR8, IPPROTO_UDP, port);
  code.JumpIfEqual(Reg::kR8, IPPROTO_ICMPV6, icmp);
  code.JumpUnlessEqual(Reg::kR8, IPPROTO_TCP, verdicts.refused);
  code.Bind(port);
  code.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords + 2);  // the port it is for
  code.JumpIfEqual(Reg::kR0, htons(kDns), verdicts.passed);
  code.Jump(verdicts.refused);
  code.Bind(icmp);
  code.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, ICMP6_ECHO_REQUEST, verdicts.passed);
  code.Jump(verdicts.refused);
}

// Groups are nobody's business on the host; the rest is an attempt.
void EmitGroups(FrameWriter& writer) {
  BpfProgram& code = writer.code();
  constexpr uint32_t kGroup = 0x3333;  // how their hardware addresses begin
  writer.Read(0, kWords, sizeof(uint16_t));
  code.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, htons(kGroup), writer.verdicts().dropped);
}

}  // namespace

void EmitIpv6In(FrameWriter& writer, const Subnets& subnets) {
  BpfProgram& code = writer.code();
  const Verdicts& verdicts = writer.verdicts();
  if (!subnets.ipv6) {
    EmitGroups(writer);
    code.Jump(verdicts.refused);
    return;
  }
  const BpfProgram::Label discovery = code.NewLabel();
  const BpfProgram::Label no_discovery = code.NewLabel();
  const BpfProgram::Label gateway = code.NewLabel();
  EmitSource(writer, subnets);
  writer.Read(kIpv6NextHeader, kWords, 2);
  code.Load(Size::kByte, Reg::kR8, Reg::kR10, kWords);
  code.Load(Size::kByte, Reg::kR9, Reg::kR10, kWords + 1);
  code.JumpUnlessEqual(Reg::kR8, IPPROTO_ICMPV6, no_discovery);
  writer.Read(kIpv6Payload, kWords, 1);
  code.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
  for (const int type : {ND_ROUTER_SOLICIT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT}) {
    code.JumpIfEqual(Reg::kR0, static_cast<uint32_t>(type), discovery);
  }
  code.Bind(no_discovery);
  EmitGroups(writer);
  writer.Read(kIpv6Source, kWords, sizeof(in6_addr));
  JumpIfAddress(code, Ipv6Address{}, verdicts.refused);
  writer.Read(kIpv6Destination, kWords, sizeof(in6_addr));
  JumpIfAddress(code, subnets.ipv6->Gateway(), gateway);
  JumpUnlessAddress(code, LinkLocalGateway(subnets), verdicts.refused);
  code.Bind(gateway);
  EmitServices(writer);
  code.Bind(discovery);
  EmitDiscovery(writer, subnets);
}

void EmitIpv6Out(FrameWriter& writer, const Subnets& subnets) {
  BpfProgram& code = writer.code();
  const Verdicts& verdicts = writer.verdicts();
  const BpfProgram::Label own = code.NewLabel();
  // The kernel also forwards what came in saying that it is from the host itself.
  code.Load(Size::kWord, Reg::kR0, Reg::kR6, Field(offsetof(__sk_buff, ingress_ifindex)));
  code.JumpUnlessEqual(Reg::kR0, 0, verdicts.refused);
  writer.Read(kIpv6Source, kWords, sizeof(in6_addr));
  // None: asking whether its own address is free, and for groups.
  for (const Ipv6Address& address :
       {subnets.ipv6->Gateway(), LinkLocalGateway(subnets), Ipv6Address{}}) {
    JumpIfAddress(code, address, own);
  }
  code.Jump(verdicts.refused);
  code.Bind(own);
  // Fragments that the kernel makes anew of what it forwards came in nowhere, but are of no socket.
  // Nor is a TCP answer with a cookie.
  writer.Read(kIpv6NextHeader, kWords, 1);
  code.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
  for (const int whole : {int{IPPROTO_TCP}, int{IPPROTO_UDP}, int{IPPROTO_ICMPV6}}) {
    code.JumpIfEqual(Reg::kR0, static_cast<uint32_t>(whole), verdicts.passed);
  }
  code.Load(Size::kDouble, Reg::kR0, Reg::kR6, Field(offsetof(__sk_buff, sk)));
  code.JumpIfPointerIsNull(Reg::kR0, verdicts.refused);
  code.Jump(verdicts.passed);
}

}  // namespace flatvm::guard
