#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

#include "network/guard/frame_writer.h"
#include "network/guard/programs.h"

namespace flatvm::guard {
namespace {

using Mac = std::array<uint8_t, 6>;

// Offsets into a frame.
constexpr uint32_t kSender = ETH_ALEN;
constexpr uint32_t kArp = ETH_HLEN;  // RFC 826
constexpr uint32_t kArpSenderMac = kArp + 8;
constexpr uint32_t kArpSenderIp = kArp + 14;
constexpr uint32_t kIpv6Length = ETH_HLEN + 4;  // RFC 8200; the next header's number follows
constexpr uint32_t kIpv6Source = ETH_HLEN + 8;
constexpr uint32_t kIpv6Payload = ETH_HLEN + 40;
constexpr uint32_t kTarget = kIpv6Payload + 8;  // RFC 4861
constexpr uint32_t kOption = kTarget + 16;

constexpr uint32_t kFragmentOffset = 0x1FFF;
constexpr uint32_t kDhcpServer = 67;
constexpr uint32_t kDhcpv6Server = 547;
constexpr uint32_t kBareDiscovery = 24;        // bytes of a solicitation or advertisement
constexpr uint32_t kDiscoveryWithOption = 32;  // with one that holds a hardware address
constexpr uint32_t kSourceOption = 1;
constexpr uint32_t kTargetOption = 2;
constexpr uint32_t kNonceOption = 14;  // RFC 3971; of a solicitation for a free address, RFC 7527
constexpr uint32_t kMldV2Report = 143;
constexpr uint32_t kMobility = 135;  // RFC 6275
constexpr uint32_t kHip = 139;
constexpr uint32_t kShim6 = 140;

uint32_t Word(const uint8_t* bytes) {
  uint32_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}
uint32_t Half(const uint8_t* bytes) {
  uint16_t half = 0;
  std::memcpy(&half, bytes, sizeof(half));
  return half;
}

// fe80:: and the modified EUI-64 of the hardware address (RFC 4291, appendix A).
std::array<uint8_t, 16> LinkLocalOf(const Mac& mac) {
  constexpr uint8_t kUniversal = 0x02;
  return {0xFE,   0x80,   0,
          0,      0,      0,
          0,      0,      static_cast<uint8_t>(mac[0] ^ kUniversal),
          mac[1], mac[2], 0xFF,
          0xFE,   mac[3], mac[4],
          mac[5]};
}

class PortWriter {
 public:
  PortWriter(const Machine& machine, const Tally& tally)
      : writer_(tally),
        code_(writer_.code()),
        verdicts_(writer_.verdicts()),
        mac_(machine.mac),
        address_(machine.address),
        link_local_(LinkLocalOf(machine.mac)) {}

  std::vector<bpf_insn> Build() {
    const BpfProgram::Label arp = code_.NewLabel();
    const BpfProgram::Label ipv4 = code_.NewLabel();
    const BpfProgram::Label ipv6 = code_.NewLabel();
    writer_.RefuseVlans();
    SpoofedUnlessOwnMac(kSender);
    writer_.LoadProtocol();
    code_.JumpIfEqual(Reg::kR0, htons(ETH_P_IP), ipv4);
    code_.JumpIfEqual(Reg::kR0, htons(ETH_P_IPV6), ipv6);
    code_.JumpIfEqual(Reg::kR0, htons(ETH_P_ARP), arp);
    code_.Jump(verdicts_.refused);
    code_.Bind(arp);
    EmitArp();
    code_.Bind(ipv4);
    EmitIpv4();
    code_.Bind(ipv6);
    EmitIpv6();
    return writer_.Finish();
  }

 private:
  void LoadWord(int16_t offset) {
    code_.Load(Size::kWord, Reg::kR0, Reg::kR10, static_cast<int16_t>(kWords + offset));
  }
  void LoadByteAt(uint32_t offset) {
    writer_.Read(offset, kWords, 1);
    code_.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
  }

  void SpoofedUnlessOwnMac(uint32_t offset) {
    writer_.Read(offset, kWords, ETH_ALEN);
    LoadWord(0);
    code_.JumpUnlessEqual(Reg::kR0, Word(mac_.data()), verdicts_.spoofed);
    code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords + 4);
    code_.JumpUnlessEqual(Reg::kR0, Half(&mac_[4]), verdicts_.spoofed);
  }

  // Goes on only with the machine's own IPv6 address there.
  void JumpUnlessOwnIpv6(uint32_t offset, BpfProgram::Label to) {
    writer_.Read(offset, kWords, sizeof(in6_addr));
    for (size_t i = 0; i < sizeof(in6_addr); i += sizeof(uint32_t)) {
      LoadWord(Field(i));
      code_.JumpUnlessEqual(Reg::kR0, Word(&link_local_[i]), to);
    }
  }

  void EmitArp() {
    constexpr uint32_t kEthernetAndIp = ARPHRD_ETHER << 16U | ETH_P_IP;
    constexpr uint32_t kLengths = ETH_ALEN << 8U | sizeof(in_addr);
    writer_.Read(kArp, kWords, 6);
    LoadWord(0);
    code_.JumpUnlessEqual(Reg::kR0, htonl(kEthernetAndIp), verdicts_.refused);
    code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords + 4);
    code_.JumpUnlessEqual(Reg::kR0, htons(kLengths), verdicts_.refused);
    SpoofedUnlessOwnMac(kArpSenderMac);
    writer_.Read(kArpSenderIp, kWords, sizeof(uint32_t));
    LoadWord(0);
    code_.JumpIfEqual(Reg::kR0, 0, verdicts_.accepted);  // a probe for a free address (RFC 5227)
    code_.JumpIfEqual(Reg::kR0, htonl(address_.value), verdicts_.accepted);
    code_.Jump(verdicts_.spoofed);
  }

  void EmitIpv4() {
    const BpfProgram::Label own = code_.NewLabel();
    writer_.Read(kIp, kHeader, kIpHeader);
    writer_.LoadField(Size::kWord, Reg::kR0, kSource);
    code_.JumpIfEqual(Reg::kR0, htonl(address_.value), own);
    code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.spoofed);
    writer_.LoadField(Size::kWord, Reg::kR0, kDestination);
    code_.JumpUnlessEqual(Reg::kR0, INADDR_BROADCAST, verdicts_.spoofed);
    writer_.JumpWithDhcpRequest(verdicts_.accepted);
    code_.Bind(own);
    writer_.LoadField(Size::kByte, Reg::kR0, kProtocol);
    code_.JumpUnlessEqual(Reg::kR0, IPPROTO_UDP, verdicts_.accepted);
    // Ports are in the first fragment, whole: the least one has eight bytes.
    writer_.LoadField(Size::kHalf, Reg::kR0, kFragment);
    code_.And(Reg::kR0, htons(kFragmentOffset));
    code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.accepted);
    writer_.ReadPayload();
    code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords);
    code_.JumpIfEqual(Reg::kR0, htons(kDhcpServer), verdicts_.spoofed);
    code_.Jump(verdicts_.accepted);
  }

  // R9 is 1 for a sender without an address.
  void EmitIpv6() {
    const BpfProgram::Label nobody = code_.NewLabel();
    const BpfProgram::Label known = code_.NewLabel();
    code_.Set(Reg::kR9, 0);
    JumpUnlessOwnIpv6(kIpv6Source, nobody);
    code_.Jump(known);
    code_.Bind(nobody);
    for (size_t i = 0; i < sizeof(in6_addr); i += sizeof(uint32_t)) {
      LoadWord(Field(i));
      code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.spoofed);
    }
    code_.Set(Reg::kR9, 1);
    code_.Bind(known);
    EmitIpv6Header();
  }

  void EmitIpv6Header() {
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
    writer_.Read(kIpv6Payload, kWords, sizeof(uint16_t));
    code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords);
    code_.JumpIfEqual(Reg::kR0, htons(kDhcpv6Server), verdicts_.spoofed);
    code_.Jump(verdicts_.accepted);
    code_.Bind(fragment);
    EmitIpv6Fragment();
    code_.Bind(hop_by_hop);
    EmitMld();
    code_.Bind(icmp);
    EmitIcmpv6();
  }

  void EmitIpv6Fragment() {
    constexpr uint32_t kOffset = 0xFFF8;
    writer_.Read(kIpv6Payload, kWords, 12);  // its header and what ports there may be
    code_.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
    code_.JumpIfEqual(Reg::kR0, IPPROTO_TCP, verdicts_.accepted);
    code_.JumpUnlessEqual(Reg::kR0, IPPROTO_UDP, verdicts_.refused);
    code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords + 2);
    code_.And(Reg::kR0, htons(kOffset));
    code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.accepted);
    code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords + 8);
    code_.JumpIfEqual(Reg::kR0, htons(kDhcpv6Server), verdicts_.spoofed);
    code_.Jump(verdicts_.accepted);
  }

  // Reports of groups stand behind a router alert of eight bytes (RFC 3810).
  void EmitMld() {
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

  // R8: the payload's length.
  void EmitIcmpv6() {
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
  void EmitDiscoveryOption(uint32_t type) {
    code_.JumpIfEqual(Reg::kR8, htons(kBareDiscovery), verdicts_.accepted);
    code_.JumpUnlessEqual(Reg::kR8, htons(kDiscoveryWithOption), verdicts_.spoofed);
    LoadByteAt(kOption);
    code_.JumpUnlessEqual(Reg::kR0, type, verdicts_.spoofed);
    SpoofedUnlessOwnMac(kOption + 2);
    code_.Jump(verdicts_.accepted);
  }

  FrameWriter writer_;
  BpfProgram& code_;
  const Verdicts& verdicts_;
  const Mac mac_;
  const network::Ipv4Address address_;
  const std::array<uint8_t, 16> link_local_;
};

}  // namespace

std::vector<bpf_insn> BuildPortIn(const Machine& machine, const Tally& tally) {
  return PortWriter(machine, tally).Build();
}

std::vector<bpf_insn> BuildClosedPort(const Tally& tally) {
  FrameWriter writer(tally);
  writer.code().Jump(writer.verdicts().refused);
  return writer.Finish();
}

}  // namespace flatvm::guard
