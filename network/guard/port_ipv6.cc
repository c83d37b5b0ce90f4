// PortWriter's part for IPv6.
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "network/guard/port_writer.h"

namespace flatvm::guard {
namespace {

// Offsets into a frame.
constexpr uint32_t kTarget = kIpv6Payload + 8;  // RFC 4861
constexpr uint32_t kOption = kTarget + 16;

constexpr uint32_t kDhcpv6Server = 547;
constexpr uint32_t kDhcpv6Client = 546;
constexpr uint32_t kBareDiscovery = 24;        // bytes of a solicitation or advertisement
constexpr uint32_t kDiscoveryWithOption = 32;  // with one that holds a hardware address
constexpr uint32_t kSourceOption = 1;
constexpr uint32_t kTargetOption = 2;
constexpr uint32_t kNonceOption = 14;  // RFC 3971; of a solicitation for a free address, RFC 7527
constexpr uint32_t kMldV2Report = 143;
constexpr uint32_t kMobility = 135;  // RFC 6275
constexpr uint32_t kHip = 139;
constexpr uint32_t kShim6 = 140;

}  // namespace

void PortWriter::JumpUnlessOwnIpv6(uint32_t offset, BpfProgram::Label to) {
  if (anywhere_) return;
  constexpr size_t kPrefix = sizeof(network::Ipv6Prefix);
  const auto skip_unless = [this](size_t at, const uint8_t* bytes, BpfProgram::Label otherwise) {
    LoadWord(Field(at));
    code_.JumpUnlessEqual(Reg::kR0, WordOf(bytes), otherwise);
  };
  writer_.Read(offset, kWords, sizeof(in6_addr));
  for (size_t i = kPrefix; i < sizeof(in6_addr); i += sizeof(uint32_t)) {
    skip_unless(i, &link_local_.bytes[i], to);
  }
  const BpfProgram::Label own = code_.NewLabel();
  const BpfProgram::Label unique_local = prefix_ ? code_.NewLabel() : to;
  skip_unless(0, link_local_.bytes.data(), unique_local);
  skip_unless(sizeof(uint32_t), &link_local_.bytes[sizeof(uint32_t)], to);
  if (prefix_) {
    code_.Jump(own);
    code_.Bind(unique_local);
    skip_unless(0, prefix_->bytes.data(), to);
    skip_unless(sizeof(uint32_t), &prefix_->bytes[sizeof(uint32_t)], to);
  }
  code_.Bind(own);
}

void PortWriter::EmitIpv6() {
  const BpfProgram::Label nobody = code_.NewLabel();
  const BpfProgram::Label known = code_.NewLabel();
  code_.Set(Reg::kR9, 0);
  if (anywhere_) {
    writer_.Read(kIpv6Source, kWords, sizeof(in6_addr));
  } else {
    JumpUnlessOwnIpv6(kIpv6Source, nobody);
    code_.Jump(known);
    code_.Bind(nobody);
  }
  for (size_t i = 0; i < sizeof(in6_addr); i += sizeof(uint32_t)) {
    LoadWord(Field(i));
    code_.JumpUnlessEqual(Reg::kR0, 0, anywhere_ ? known : verdicts_.spoofed);
  }
  code_.Set(Reg::kR9, 1);
  code_.Bind(known);
  EmitIpv6Header();
}

void PortWriter::EmitIpv6Header() {
  const BpfProgram::Label icmp = code_.NewLabel();
  const BpfProgram::Label hop_by_hop = code_.NewLabel();
  const BpfProgram::Label udp = code_.NewLabel();
  const BpfProgram::Label fragment = code_.NewLabel();
  writer_.Read(kIpv6Length, kWords, 3);
  code_.Load(Size::kHalf, Reg::kR8, Reg::kR10, kWords);
  code_.Load(Size::kByte, Reg::kR7, Reg::kR10, kWords + 2);
  code_.JumpIfEqual(Reg::kR7, IPPROTO_ICMPV6, icmp);
  code_.JumpIfEqual(Reg::kR7, IPPROTO_HOPOPTS, hop_by_hop);
  // Without an address only what asks for one.
  code_.JumpIfEqual(Reg::kR9, 1, verdicts_.spoofed);
  code_.JumpIfEqual(Reg::kR7, IPPROTO_UDP, udp);
  code_.JumpIfEqual(Reg::kR7, IPPROTO_FRAGMENT, fragment);
  for (const uint32_t extension : {uint32_t{IPPROTO_ROUTING}, uint32_t{IPPROTO_DSTOPTS},
                                   uint32_t{IPPROTO_AH}, kMobility, kHip, kShim6}) {
    code_.JumpIfEqual(Reg::kR7, extension, verdicts_.refused);
  }
  code_.Jump(verdicts_.accepted);
  code_.Bind(udp);
  writer_.Read(kIpv6Payload, kWords, sizeof(uint32_t));
  AcceptUnlessDhcpv6Server(0);
  code_.Bind(fragment);
  EmitIpv6Fragment();
  code_.Bind(hop_by_hop);
  EmitMld();
  code_.Bind(icmp);
  EmitIcmpv6();
}

void PortWriter::EmitIpv6Fragment() {
  constexpr uint32_t kOffset = 0xFFF8;
  writer_.Read(kIpv6Payload, kWords, 12);  // its header and what ports there may be
  code_.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
  code_.JumpIfEqual(Reg::kR0, IPPROTO_TCP, verdicts_.accepted);
  code_.JumpUnlessEqual(Reg::kR0, IPPROTO_UDP, verdicts_.refused);
  code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords + 2);
  code_.And(Reg::kR0, htons(kOffset));
  code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.accepted);
  AcceptUnlessDhcpv6Server(8);
}

// By either port: clients need not look at the sender's.
void PortWriter::AcceptUnlessDhcpv6Server(int16_t ports) {
  code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, static_cast<int16_t>(kWords + ports));
  code_.JumpIfEqual(Reg::kR0, htons(kDhcpv6Server), verdicts_.spoofed);
  code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, static_cast<int16_t>(kWords + ports + 2));
  code_.JumpIfEqual(Reg::kR0, htons(kDhcpv6Client), verdicts_.spoofed);
  code_.Jump(verdicts_.accepted);
}

// Reports of groups stand behind a router alert of eight bytes (RFC 3810).
void PortWriter::EmitMld() {
  writer_.Read(kIpv6Payload, kWords, 9);
  code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords);
  code_.JumpUnlessEqual(Reg::kR0, htons(IPPROTO_ICMPV6 << 8U), verdicts_.refused);
  code_.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords + 8);
  for (const uint32_t type :
       {uint32_t{MLD_LISTENER_REPORT}, uint32_t{MLD_LISTENER_REDUCTION}, kMldV2Report}) {
    code_.JumpIfEqual(Reg::kR0, type, verdicts_.accepted);
  }
  code_.Jump(verdicts_.spoofed);  // a router's question, or discovery in disguise
}

void PortWriter::EmitIcmpv6() {
  const BpfProgram::Label solicitation = code_.NewLabel();
  const BpfProgram::Label advertisement = code_.NewLabel();
  LoadByteAt(kIpv6Payload);
  code_.JumpIfEqual(Reg::kR0, ND_NEIGHBOR_SOLICIT, solicitation);
  code_.JumpIfEqual(Reg::kR0, ND_ROUTER_SOLICIT, verdicts_.accepted);
  code_.JumpIfEqual(Reg::kR9, 1, verdicts_.spoofed);
  code_.JumpIfEqual(Reg::kR0, ND_NEIGHBOR_ADVERT, advertisement);
  for (const int type : {ND_ROUTER_ADVERT, ND_REDIRECT, MLD_LISTENER_QUERY}) {
    code_.JumpIfEqual(Reg::kR0, static_cast<uint32_t>(type), verdicts_.spoofed);
  }
  code_.Jump(verdicts_.accepted);

  code_.Bind(solicitation);
  const BpfProgram::Label asks_for_own = code_.NewLabel();
  code_.JumpIfEqual(Reg::kR9, 1, asks_for_own);
  EmitDiscoveryOption(kSourceOption);
  code_.Bind(asks_for_own);
  // Of all addresses only its own, or it would keep others from having theirs.
  JumpUnlessOwnIpv6(kTarget, verdicts_.spoofed);
  code_.JumpIfEqual(Reg::kR8, htons(kBareDiscovery), verdicts_.accepted);
  LoadByteAt(kOption);
  code_.JumpIfEqual(Reg::kR0, kNonceOption, verdicts_.accepted);
  code_.Jump(verdicts_.spoofed);

  code_.Bind(advertisement);
  JumpUnlessOwnIpv6(kTarget, verdicts_.spoofed);
  EmitDiscoveryOption(kTargetOption);
}

// Nothing behind the target, or one option with the machine's own hardware address.
void PortWriter::EmitDiscoveryOption(uint32_t type) {
  code_.JumpIfEqual(Reg::kR8, htons(kBareDiscovery), verdicts_.accepted);
  code_.JumpUnlessEqual(Reg::kR8, htons(kDiscoveryWithOption), verdicts_.spoofed);
  LoadByteAt(kOption);
  code_.JumpUnlessEqual(Reg::kR0, type, verdicts_.spoofed);
  SpoofedUnlessOwnMac(kOption + 2);
  code_.Jump(verdicts_.accepted);
}

}  // namespace flatvm::guard
