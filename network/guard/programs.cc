#include "network/guard/programs.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cstddef>

#include "network/guard/bpf_program.h"
#include "network/guard/bridge_ipv6.h"
#include "network/guard/frame_writer.h"

namespace flatvm::guard {
namespace {

using network::Ipv4Subnet;

constexpr uint32_t kArpSender = ETH_HLEN + 14;  // RFC 826, Ethernet and IPv4
constexpr int16_t kRoute = -112;                // on the stack: a bpf_fib_lookup
static_assert(kHeader - static_cast<int16_t>(sizeof(bpf_fib_lookup)) >= kRoute);

constexpr uint32_t kEchoRequest = 8;

// A machine's own address, or none as in a probe for a free one (RFC 5227).
void EmitArp(FrameWriter& writer, const Ipv4Subnet& subnet) {
  BpfProgram& code = writer.code();
  writer.Read(kArpSender, kWords, sizeof(uint32_t));
  code.Load(Size::kWord, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, 0, writer.verdicts().passed);
  code.JumpIfEqual(Reg::kR0, htonl(subnet.Gateway().value), writer.verdicts().spoofed);
  code.And(Reg::kR0, MaskOf(subnet));
  code.JumpUnlessEqual(Reg::kR0, htonl(subnet.address.value), writer.verdicts().spoofed);
  code.Jump(writer.verdicts().passed);
}

void EmitGateway(FrameWriter& writer) {
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
  code.JumpIfEqual(Reg::kR7, htons(67), verdicts.passed);
  code.Bind(tcp);
  code.JumpIfEqual(Reg::kR7, htons(53), verdicts.passed);
  code.Jump(verdicts.refused);
  code.Bind(icmp);
  code.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, kEchoRequest, verdicts.passed);
  code.Jump(verdicts.refused);
}

// Asks for the route as the kernel will, local addresses included.
void EmitRoute(FrameWriter& writer, const WayOut& way_out) {
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
  const BpfProgram::Label leaves = way_out.only ? code.NewLabel() : verdicts.passed;
  for (const uint32_t uplink : way_out.uplinks) code.JumpIfEqual(Reg::kR0, uplink, leaves);
  code.Load(Size::kWord, Reg::kR7, Reg::kR6, Field(offsetof(__sk_buff, ifindex)));
  code.JumpUnlessSame(Reg::kR0, Reg::kR7, verdicts.refused);
  code.Jump(verdicts.passed);
  if (!way_out.only || !code.IsUsed(leaves)) return;
  code.Bind(leaves);
  writer.LoadField(Size::kWord, Reg::kR0, kSource);
  code.JumpIfEqual(Reg::kR0, htonl(way_out.only->value), verdicts.passed);
  code.Jump(verdicts.refused);
}

void EmitIpv4In(FrameWriter& writer, const Ipv4Subnet& subnet, const WayOut& way_out) {
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
  EmitRoute(writer, way_out);
  code.Bind(dhcp);
  writer.JumpWithDhcpRequest(verdicts.passed);
  code.Bind(gateway);
  EmitGateway(writer);
}

}  // namespace

std::vector<bpf_insn> BuildBridgeIn(const Subnets& subnets, const WayOut& way_out,
                                    const Tally& tally) {
  FrameWriter writer(tally);
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
  EmitArp(writer, subnets.ipv4);
  code.Bind(ipv6);
  EmitIpv6In(writer, subnets);
  code.Bind(ipv4);
  EmitIpv4In(writer, subnets.ipv4, way_out);
  return writer.Finish();
}

std::vector<bpf_insn> BuildBridgeOut(const Subnets& subnets, const Tally& tally) {
  FrameWriter writer(tally);
  BpfProgram& code = writer.code();
  writer.LoadProtocol();
  code.JumpIfEqual(Reg::kR0, htons(ETH_P_ARP), writer.verdicts().passed);
  code.Load(Size::kWord, Reg::kR7, Reg::kR6, Field(offsetof(__sk_buff, mark)));
  code.And(Reg::kR7, kJudgedMark);
  code.JumpUnlessEqual(Reg::kR7, 0, writer.verdicts().passed);
  const BpfProgram::Label ipv6 = code.NewLabel();
  if (subnets.ipv6) code.JumpIfEqual(Reg::kR0, htons(ETH_P_IPV6), ipv6);
  code.JumpUnlessEqual(Reg::kR0, htons(ETH_P_IP), writer.verdicts().refused);
  writer.Read(kIp + kSource, kWords, sizeof(uint32_t));
  code.Load(Size::kWord, Reg::kR0, Reg::kR10, kWords);
  code.JumpIfEqual(Reg::kR0, htonl(subnets.ipv4.Gateway().value), writer.verdicts().passed);
  code.Jump(writer.verdicts().refused);
  if (subnets.ipv6) {
    code.Bind(ipv6);
    EmitIpv6Out(writer, subnets);
  }
  return writer.Finish();
}

std::vector<bpf_insn> BuildUplinkOut(const Pools& pools, const Tally& tally) {
  FrameWriter writer(tally);
  BpfProgram& code = writer.code();
  const auto read_source = [&](uint32_t offset, uint32_t size) {
    // Counted from the network header: an uplink need not be Ethernet.
    code.Move(Reg::kR1, Reg::kR6);
    code.Set(Reg::kR2, offset);
    code.PointInto(Reg::kR3, kWords);
    code.Set(Reg::kR4, size);
    code.Set(Reg::kR5, BPF_HDR_START_NET);
    code.Call(BPF_FUNC_skb_load_bytes_relative);
    code.JumpUnlessEqual(Reg::kR0, 0, writer.verdicts().passed);
    code.Load(Size::kWord, Reg::kR0, Reg::kR10, kWords);
  };
  const BpfProgram::Label ipv6 = code.NewLabel();
  writer.LoadProtocol();
  if (pools.ipv6) code.JumpIfEqual(Reg::kR0, htons(ETH_P_IPV6), ipv6);
  code.JumpUnlessEqual(Reg::kR0, htons(ETH_P_IP), writer.verdicts().passed);
  read_source(kSource, sizeof(uint32_t));
  code.And(Reg::kR0, MaskOf(pools.ipv4));
  code.JumpIfEqual(Reg::kR0, htonl(pools.ipv4.address.value), writer.verdicts().refused);
  code.Jump(writer.verdicts().passed);
  if (pools.ipv6) {
    constexpr uint32_t kSender = 8;  // behind the network header
    code.Bind(ipv6);
    read_source(kSender, static_cast<uint32_t>(pools.ipv6->bytes.size()));
    code.JumpUnlessEqual(Reg::kR0, WordOf(pools.ipv6->bytes.data()), writer.verdicts().passed);
    code.Load(Size::kByte, Reg::kR0, Reg::kR10, kWords + 4);
    code.JumpIfEqual(Reg::kR0, pools.ipv6->bytes[4], writer.verdicts().refused);
    code.Jump(writer.verdicts().passed);
  }
  return writer.Finish();
}

}  // namespace flatvm::guard
