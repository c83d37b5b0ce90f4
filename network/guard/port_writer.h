// Writes the program of a machine's port: what the parts of it have in common. Private to the room.
#pragma once

#include <linux/bpf.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "network/guard/frame_writer.h"
#include "network/guard/programs.h"

namespace flatvm::guard {

// For one program. Thread-compatible.
class PortWriter {
 public:
  PortWriter(const Machine& machine, const Tally& tally);

  std::vector<bpf_insn> Build();

 private:
  void LoadWord(int16_t offset);  // of what was read to kWords
  void LoadByteAt(uint32_t offset);
  void SpoofedUnlessOwnMac(uint32_t offset);

  void EmitArp();
  void EmitIpv4();
  // R0: the source, not its own. Goes on with none at all.
  void EmitRouted(BpfProgram::Label good);

  // In port_ipv6.cc. Goes on only with the machine's own IPv6 address there, if that is known.
  void JumpUnlessOwnIpv6(uint32_t offset, BpfProgram::Label to);
  void EmitIpv6();  // R9 is 1 for a sender without an address
  void EmitIpv6Header();
  void EmitIpv6Fragment();
  void AcceptUnlessDhcpv6Server(int16_t ports);  // where they are in what was read to kWords
  void EmitMld();
  void EmitIcmpv6();  // R8: the payload's length
  void EmitDiscoveryOption(uint32_t type);

  FrameWriter writer_;
  BpfProgram& code_;
  const Verdicts& verdicts_;
  const std::array<uint8_t, 6> mac_;
  const network::Ipv4Address address_;
  const std::optional<network::Ipv4Subnet> routes_for_;
  const std::optional<network::Ipv6Prefix> prefix_;
  const network::Ipv6Address link_local_;
  const bool anywhere_;
};

}  // namespace flatvm::guard
