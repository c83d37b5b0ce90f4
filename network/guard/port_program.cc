#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/if_arp.h>
#include <netinet/in.h>

#include "network/guard/port_writer.h"

namespace flatvm::guard {
namespace {

// Offsets into a frame.
constexpr uint32_t kSender = ETH_ALEN;
constexpr uint32_t kArp = ETH_HLEN;  // RFC 826
constexpr uint32_t kArpSenderMac = kArp + 8;
constexpr uint32_t kArpSenderIp = kArp + 14;

constexpr uint32_t kFragmentOffset = 0x1FFF;
constexpr uint32_t kDhcpServer = 67;
constexpr uint32_t kDhcpClient = 68;  // which believes whoever writes there, from whatever port
constexpr uint32_t kRouterAdvertisement = 9;  // RFC 1256

}  // namespace

PortWriter::PortWriter(const Machine& machine, const Tally& tally)
    : writer_(tally),
      code_(writer_.code()),
      verdicts_(writer_.verdicts()),
      mac_(machine.mac),
      address_(machine.address),
      routes_for_(machine.routes_for),
      prefix_(machine.prefix),
      link_local_(network::AddressOf(network::kLinkLocal, machine.mac)),
      anywhere_(machine.anywhere) {}

std::vector<bpf_insn> PortWriter::Build() {
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

void PortWriter::LoadWord(int16_t offset) {
  code_.Load(Size::kWord, Reg::kR0, Reg::kR10, static_cast<int16_t>(kWords + offset));
}
void PortWriter::LoadByteAt(uint32_t offset) {
  writer_.Read(offset, kWords, 1);
  code_.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
}

void PortWriter::SpoofedUnlessOwnMac(uint32_t offset) {
  writer_.Read(offset, kWords, ETH_ALEN);
  LoadWord(0);
  code_.JumpUnlessEqual(Reg::kR0, WordOf(mac_.data()), verdicts_.spoofed);
  code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords + 4);
  code_.JumpUnlessEqual(Reg::kR0, HalfOf(&mac_[4]), verdicts_.spoofed);
}

void PortWriter::EmitArp() {
  constexpr uint32_t kEthernetAndIp = ARPHRD_ETHER << 16U | ETH_P_IP;
  constexpr uint32_t kLengths = ETH_ALEN << 8U | sizeof(in_addr);
  writer_.Read(kArp, kWords, 6);
  LoadWord(0);
  code_.JumpUnlessEqual(Reg::kR0, htonl(kEthernetAndIp), verdicts_.refused);
  code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords + 4);
  code_.JumpUnlessEqual(Reg::kR0, htons(kLengths), verdicts_.refused);
  SpoofedUnlessOwnMac(kArpSenderMac);
  if (anywhere_) return code_.Jump(verdicts_.accepted);
  writer_.Read(kArpSenderIp, kWords, sizeof(uint32_t));
  LoadWord(0);
  code_.JumpIfEqual(Reg::kR0, 0, verdicts_.accepted);  // a probe for a free address (RFC 5227)
  code_.JumpIfEqual(Reg::kR0, htonl(address_.value), verdicts_.accepted);
  code_.Jump(verdicts_.spoofed);
}

void PortWriter::EmitIpv4() {
  const BpfProgram::Label own = code_.NewLabel();
  const BpfProgram::Label looked_at = code_.NewLabel();
  const BpfProgram::Label icmp = code_.NewLabel();
  writer_.Read(kIp, kHeader, kIpHeader);
  if (!anywhere_) {
    writer_.LoadField(Size::kWord, Reg::kR0, kSource);
    code_.JumpIfEqual(Reg::kR0, htonl(address_.value), own);
    EmitRouted(own);
    writer_.LoadField(Size::kWord, Reg::kR0, kDestination);
    code_.JumpUnlessEqual(Reg::kR0, INADDR_BROADCAST, verdicts_.spoofed);
    writer_.JumpWithDhcpRequest(verdicts_.accepted);
  }
  code_.Bind(own);
  writer_.LoadField(Size::kByte, Reg::kR0, kProtocol);
  code_.JumpIfEqual(Reg::kR0, IPPROTO_UDP, looked_at);
  code_.JumpUnlessEqual(Reg::kR0, IPPROTO_ICMP, verdicts_.accepted);
  code_.Bind(looked_at);
  code_.Move(Reg::kR7, Reg::kR0);
  // Ports and types are in the first fragment, whole: the least one has eight bytes.
  writer_.LoadField(Size::kHalf, Reg::kR0, kFragment);
  code_.And(Reg::kR0, htons(kFragmentOffset));
  code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.accepted);
  writer_.ReadPayload();
  code_.JumpIfEqual(Reg::kR7, IPPROTO_ICMP, icmp);
  code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords);
  code_.JumpIfEqual(Reg::kR0, htons(kDhcpServer), verdicts_.spoofed);
  code_.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords + 2);
  code_.JumpIfEqual(Reg::kR0, htons(kDhcpClient), verdicts_.spoofed);
  code_.Jump(verdicts_.accepted);
  code_.Bind(icmp);
  code_.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
  code_.JumpIfEqual(Reg::kR0, ICMP_REDIRECT, verdicts_.spoofed);  // whose ways are others'
  code_.JumpIfEqual(Reg::kR0, kRouterAdvertisement, verdicts_.spoofed);
  code_.Jump(verdicts_.accepted);
}

void PortWriter::EmitRouted(BpfProgram::Label good) {
  if (!routes_for_) {
    code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.spoofed);
    return;
  }
  const BpfProgram::Label none = code_.NewLabel();
  code_.JumpIfEqual(Reg::kR0, 0, none);
  code_.And(Reg::kR0, MaskOf(*routes_for_));
  code_.JumpIfEqual(Reg::kR0, htonl(routes_for_->address.value), verdicts_.spoofed);
  code_.Jump(good);
  code_.Bind(none);
}

std::vector<bpf_insn> BuildPortIn(const Machine& machine, const Tally& tally) {
  return PortWriter(machine, tally).Build();
}

std::vector<bpf_insn> BuildPortOut(const Tally& tally) {
  FrameWriter writer(tally);
  writer.code().Jump(writer.verdicts().passed);
  return writer.Finish();
}

std::vector<bpf_insn> BuildClosedPort(const Tally& tally) {
  FrameWriter writer(tally);
  writer.code().Jump(writer.verdicts().refused);
  return writer.Finish();
}

}  // namespace flatvm::guard
