#include "network/guard/programs.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cstddef>

#include "network/guard/bpf_program.h"
#include "network/guard/verdict_tail.h"

namespace flatvm::guard {
namespace {

using network::Ipv4Subnet;

// Offsets into a frame, and of an IPv4 header's fields (RFC 791) from its begin.
constexpr uint32_t kIp = ETH_HLEN;
constexpr uint32_t kArpSender = ETH_HLEN + 14;  // RFC 826, Ethernet and IPv4
constexpr int16_t kFragment = 6;
constexpr int16_t kProtocol = 9;
constexpr int16_t kSource = 12;
constexpr int16_t kDestination = 16;
constexpr uint32_t kIpHeader = 20;

// The stack below R10; the tail's key is at -4.
constexpr int16_t kWords = -16;   // small things that are read from the frame
constexpr int16_t kHeader = -40;  // an IPv4 header
constexpr int16_t kRoute = -104;  // a bpf_fib_lookup
static_assert(kHeader - static_cast<int16_t>(sizeof(bpf_fib_lookup)) >= kRoute);

constexpr uint32_t kAnyFragment = 0x3FFF;    // offset, and "more fragments"
constexpr uint32_t kDhcpPorts = 0x00440043;  // from 68 to 67
constexpr uint32_t kEchoRequest = 8;

uint32_t MaskOf(const Ipv4Subnet& subnet) {
  return subnet.prefix_length == 0 ? 0 : htonl(~uint32_t{0} << (32U - subnet.prefix_length));
}

int16_t Field(size_t offset) { return static_cast<int16_t>(offset); }

// R6 is the context from here on.
class Writer {
 public:
  explicit Writer(const Tally& tally) : verdicts_(code_), tally_(tally) {
    code_.Move(Reg::kR6, Reg::kR1);
  }

  // Copies frame bytes to the stack; a frame that ends before them is refused.
  void Read(uint32_t offset, int16_t stack, uint32_t size) {
    code_.Set(Reg::kR2, offset);
    ReadAtR2(stack, size);
  }
  void ReadAtR2(int16_t stack, uint32_t size) {
    code_.Move(Reg::kR1, Reg::kR6);
    code_.PointInto(Reg::kR3, stack);
    code_.Set(Reg::kR4, size);
    code_.Call(BPF_FUNC_skb_load_bytes);
    code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.refused);
  }
  void LoadProtocol() {
    code_.Load(Size::kWord, Reg::kR0, Reg::kR6, Field(offsetof(__sk_buff, protocol)));
  }
  void RefuseVlans() {
    code_.Load(Size::kWord, Reg::kR0, Reg::kR6, Field(offsetof(__sk_buff, vlan_present)));
    code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.refused);
  }
  // Of the IPv4 header on the stack.
  void LoadField(Size size, Reg to, int16_t field) {
    code_.Load(size, to, Reg::kR10, static_cast<int16_t>(kHeader + field));
  }
  // The first four bytes behind the IPv4 header: ports, or an ICMP type. To kWords.
  void ReadPayload() {
    LoadField(Size::kByte, Reg::kR2, 0);
    code_.And(Reg::kR2, 0xF);
    code_.ShiftLeft(Reg::kR2, 2);  // the header's length is in words of 32 bits
    code_.Add(Reg::kR2, kIp);
    ReadAtR2(kWords, sizeof(uint32_t));
  }
  void RefuseFragments() {
    LoadField(Size::kHalf, Reg::kR0, kFragment);
    code_.And(Reg::kR0, htons(kAnyFragment));
    code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.refused);
  }

  std::vector<bpf_insn> Finish() {
    verdicts_.EmitTail(tally_);
    return code_.Finish();
  }

  BpfProgram& code() { return code_; }
  const Verdicts& verdicts() const { return verdicts_; }

 private:
  BpfProgram code_;
  Verdicts verdicts_;
  const Tally tally_;
};

// A machine's own address, or none as in a probe for a free one (RFC 5227).
void EmitArp(Writer& writer, const Ipv4Subnet& subnet) {
  BpfProgram& code = writer.code();
  writer.Read(kArpSender, kWords, sizeof(uint32_t));
  code.Load(Size::kWord, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, 0, writer.verdicts().passed);
  code.JumpIfEqual(Reg::kR0, htonl(subnet.Gateway().value), writer.verdicts().spoofed);
  code.And(Reg::kR0, MaskOf(subnet));
  code.JumpUnlessEqual(Reg::kR0, htonl(subnet.address.value), writer.verdicts().spoofed);
  code.Jump(writer.verdicts().passed);
}

void EmitDhcpOnly(Writer& writer) {
  BpfProgram& code = writer.code();
  const Verdicts& verdicts = writer.verdicts();
  writer.LoadField(Size::kByte, Reg::kR0, kProtocol);
  code.JumpUnlessEqual(Reg::kR0, IPPROTO_UDP, verdicts.refused);
  writer.RefuseFragments();
  writer.ReadPayload();
  code.Load(Size::kWord, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, htonl(kDhcpPorts), verdicts.accepted);
  code.Jump(verdicts.refused);
}

void EmitGateway(Writer& writer) {
  BpfProgram& code = writer.code();
  const Verdicts& verdicts = writer.verdicts();
  const BpfProgram::Label icmp = code.NewLabel();
  const BpfProgram::Label tcp = code.NewLabel();
  writer.RefuseFragments();
  writer.ReadPayload();
  writer.LoadField(Size::kByte, Reg::kR0, kProtocol);
  code.JumpIfEqual(Reg::kR0, IPPROTO_ICMP, icmp);
  code.Load(Size::kHalf, Reg::kR7, Reg::kR10, kWords + 2);  // the port it is for
  code.JumpIfEqual(Reg::kR0, IPPROTO_TCP, tcp);
  code.JumpUnlessEqual(Reg::kR0, IPPROTO_UDP, verdicts.refused);
  code.JumpIfEqual(Reg::kR7, htons(67), verdicts.accepted);
  code.Bind(tcp);
  code.JumpIfEqual(Reg::kR7, htons(53), verdicts.accepted);
  code.Jump(verdicts.refused);
  code.Bind(icmp);
  code.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, kEchoRequest, verdicts.accepted);
  code.Jump(verdicts.refused);
}

// Asks for the route as the kernel will, local addresses included.
void EmitRoute(Writer& writer, const std::vector<uint32_t>& uplinks) {
  BpfProgram& code = writer.code();
  const Verdicts& verdicts = writer.verdicts();
  const auto in_route = [](size_t field) { return static_cast<int16_t>(kRoute + Field(field)); };
  for (size_t i = 0; i < sizeof(bpf_fib_lookup); i += sizeof(uint64_t)) {
    code.StoreNumber(Size::kDouble, Reg::kR10, in_route(i), 0);
  }
  // Of each eight bytes the first go last: until 6.8, kernels take a number there for a pointer in
  // a register that was put aside, of which CAP_BPF alone may overwrite no part.
  writer.LoadField(Size::kByte, Reg::kR0, kProtocol);
  code.Store(Size::kByte, Reg::kR10, in_route(offsetof(bpf_fib_lookup, l4_protocol)), Reg::kR0);
  code.StoreNumber(Size::kByte, Reg::kR10, in_route(offsetof(bpf_fib_lookup, family)), AF_INET);
  code.Load(Size::kWord, Reg::kR7, Reg::kR6, Field(offsetof(__sk_buff, ifindex)));
  code.Store(Size::kWord, Reg::kR10, in_route(offsetof(bpf_fib_lookup, ifindex)), Reg::kR7);
  writer.LoadField(Size::kWord, Reg::kR0, kSource);
  code.Store(Size::kWord, Reg::kR10, in_route(offsetof(bpf_fib_lookup, ipv4_src)), Reg::kR0);
  writer.LoadField(Size::kWord, Reg::kR0, kDestination);
  code.Store(Size::kWord, Reg::kR10, in_route(offsetof(bpf_fib_lookup, ipv4_dst)), Reg::kR0);
  code.Move(Reg::kR1, Reg::kR6);
  code.PointInto(Reg::kR2, kRoute);
  code.Set(Reg::kR3, sizeof(bpf_fib_lookup));
  code.Set(Reg::kR4, 0);
  code.Call(BPF_FUNC_fib_lookup);
  const BpfProgram::Label forwarded = code.NewLabel();
  code.JumpIfEqual(Reg::kR0, BPF_FIB_LKUP_RET_SUCCESS, forwarded);
  // The route is known in these cases, too: the next hop's hardware address, and what becomes of a
  // packet that is too large for it, are not our business.
  code.JumpIfEqual(Reg::kR0, BPF_FIB_LKUP_RET_FRAG_NEEDED, forwarded);
  code.JumpUnlessEqual(Reg::kR0, BPF_FIB_LKUP_RET_NO_NEIGH, verdicts.refused);
  code.Bind(forwarded);
  code.Load(Size::kWord, Reg::kR0, Reg::kR10, in_route(offsetof(bpf_fib_lookup, ifindex)));
  for (const uint32_t uplink : uplinks) code.JumpIfEqual(Reg::kR0, uplink, verdicts.accepted);
  code.Load(Size::kWord, Reg::kR7, Reg::kR6, Field(offsetof(__sk_buff, ifindex)));
  code.JumpUnlessSame(Reg::kR0, Reg::kR7, verdicts.refused);
  code.Jump(verdicts.accepted);
}

void EmitIpv4In(Writer& writer, const Ipv4Subnet& subnet, const std::vector<uint32_t>& uplinks) {
  BpfProgram& code = writer.code();
  const Verdicts& verdicts = writer.verdicts();
  const BpfProgram::Label dhcp = code.NewLabel();
  const BpfProgram::Label gateway = code.NewLabel();
  const BpfProgram::Label known = code.NewLabel();
  writer.Read(kIp, kHeader, kIpHeader);
  writer.LoadField(Size::kWord, Reg::kR0, kSource);
  writer.LoadField(Size::kWord, Reg::kR7, kDestination);
  code.JumpUnlessEqual(Reg::kR0, 0, known);
  code.JumpIfEqual(Reg::kR7, INADDR_BROADCAST, dhcp);
  code.Jump(verdicts.refused);
  code.Bind(known);
  code.JumpIfEqual(Reg::kR0, htonl(subnet.Gateway().value), verdicts.spoofed);
  code.And(Reg::kR0, MaskOf(subnet));
  code.JumpUnlessEqual(Reg::kR0, htonl(subnet.address.value), verdicts.spoofed);
  code.JumpIfEqual(Reg::kR7, INADDR_BROADCAST, dhcp);
  code.JumpIfEqual(Reg::kR7, htonl(subnet.Gateway().value), gateway);
  code.Move(Reg::kR0, Reg::kR7);
  code.And(Reg::kR0, htonl(0xF0000000));
  code.JumpIfEqual(Reg::kR0, htonl(0xE0000000), verdicts.dropped);  // groups, 224.0.0.0/4
  code.And(Reg::kR7, htonl(0xFFFF0000));
  code.JumpIfEqual(Reg::kR7, htonl(0xA9FE0000), verdicts.refused);  // 169.254.0.0/16
  EmitRoute(writer, uplinks);
  code.Bind(dhcp);
  EmitDhcpOnly(writer);
  code.Bind(gateway);
  EmitGateway(writer);
}

// Groups are nobody's business on the host; the rest is an attempt.
void EmitIpv6In(Writer& writer) {
  BpfProgram& code = writer.code();
  constexpr uint32_t kGroup = 0x3333;  // how their hardware addresses begin
  writer.Read(0, kWords, sizeof(uint16_t));
  code.Load(Size::kHalf, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, htons(kGroup), writer.verdicts().dropped);
  code.Jump(writer.verdicts().refused);
}

}  // namespace

std::vector<bpf_insn> BuildBridgeIn(const Ipv4Subnet& subnet, const std::vector<uint32_t>& uplinks,
                                    const Tally& tally) {
  Writer writer(tally);
  BpfProgram& code = writer.code();
  const BpfProgram::Label arp = code.NewLabel();
  const BpfProgram::Label ipv4 = code.NewLabel();
  const BpfProgram::Label ipv6 = code.NewLabel();
  writer.RefuseVlans();
  writer.LoadProtocol();
  code.JumpIfEqual(Reg::kR0, htons(ETH_P_IP), ipv4);
  code.JumpIfEqual(Reg::kR0, htons(ETH_P_ARP), arp);
  code.JumpIfEqual(Reg::kR0, htons(ETH_P_IPV6), ipv6);
  code.Jump(writer.verdicts().refused);
  code.Bind(arp);
  EmitArp(writer, subnet);
  code.Bind(ipv6);
  EmitIpv6In(writer);
  code.Bind(ipv4);
  EmitIpv4In(writer, subnet, uplinks);
  return writer.Finish();
}

std::vector<bpf_insn> BuildBridgeOut(const Ipv4Subnet& subnet, const Tally& tally) {
  Writer writer(tally);
  BpfProgram& code = writer.code();
  writer.LoadProtocol();
  code.JumpIfEqual(Reg::kR0, htons(ETH_P_ARP), writer.verdicts().passed);
  code.Load(Size::kWord, Reg::kR7, Reg::kR6, Field(offsetof(__sk_buff, mark)));
  code.And(Reg::kR7, kJudgedMark);
  code.JumpUnlessEqual(Reg::kR7, 0, writer.verdicts().passed);
  code.JumpUnlessEqual(Reg::kR0, htons(ETH_P_IP), writer.verdicts().refused);
  writer.Read(kIp + kSource, kWords, sizeof(uint32_t));
  code.Load(Size::kWord, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, htonl(subnet.Gateway().value), writer.verdicts().passed);
  code.Jump(writer.verdicts().refused);
  return writer.Finish();
}

std::vector<bpf_insn> BuildUplinkOut(const Ipv4Subnet& pool, const Tally& tally) {
  Writer writer(tally);
  BpfProgram& code = writer.code();
  writer.LoadProtocol();
  code.JumpUnlessEqual(Reg::kR0, htons(ETH_P_IP), writer.verdicts().passed);
  // Counted from the network header: an uplink need not be Ethernet.
  code.Move(Reg::kR1, Reg::kR6);
  code.Set(Reg::kR2, kSource);
  code.PointInto(Reg::kR3, kWords);
  code.Set(Reg::kR4, sizeof(uint32_t));
  code.Set(Reg::kR5, BPF_HDR_START_NET);
  code.Call(BPF_FUNC_skb_load_bytes_relative);
  code.JumpUnlessEqual(Reg::kR0, 0, writer.verdicts().passed);
  code.Load(Size::kWord, Reg::kR0, Reg::kR10, kWords);
  code.And(Reg::kR0, MaskOf(pool));
  code.JumpIfEqual(Reg::kR0, htonl(pool.address.value), writer.verdicts().refused);
  code.Jump(writer.verdicts().passed);
  return writer.Finish();
}

}  // namespace flatvm::guard
