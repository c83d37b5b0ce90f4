// The parts that programs about frames have in common.
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "network/guard/bpf_program.h"
#include "network/guard/programs.h"
#include "network/guard/verdict_tail.h"

namespace flatvm::guard {

// Offsets into a frame, and of an IPv4 header's fields (RFC 791) from its begin.
inline constexpr uint32_t kIp = ETH_HLEN;
inline constexpr int16_t kFragment = 6;
inline constexpr int16_t kProtocol = 9;
inline constexpr int16_t kSource = 12;
inline constexpr int16_t kDestination = 16;
inline constexpr uint32_t kIpHeader = 20;
// The same for IPv6 (RFC 8200), from the frame's begin.
inline constexpr uint32_t kIpv6Length = ETH_HLEN + 4;
inline constexpr uint32_t kIpv6NextHeader = ETH_HLEN + 6;
inline constexpr uint32_t kIpv6Source = ETH_HLEN + 8;
inline constexpr uint32_t kIpv6Destination = ETH_HLEN + 24;
inline constexpr uint32_t kIpv6Payload = ETH_HLEN + 40;

// On the stack, below R10; the tail's key is at -4. All are aligned, as the kernel wants it.
inline constexpr int16_t kWords = -24;   // 16 bytes: small things that are read from the frame
inline constexpr int16_t kHeader = -48;  // an IPv4 header

// In network byte order, as what is read from a frame.
uint32_t MaskOf(const network::Ipv4Subnet& subnet);

// What BPF has in a register after it loaded these bytes.
uint32_t WordOf(const uint8_t* bytes);
uint32_t HalfOf(const uint8_t* bytes);

inline int16_t Field(size_t offset) { return static_cast<int16_t>(offset); }

// Writes a program whose R6 is the context. Thread-compatible.
class FrameWriter {
 public:
  explicit FrameWriter(const Tally& tally);

  // Copies `size` bytes of the frame to the stack; a frame that ends before them is refused.
  void Read(uint32_t offset, int16_t stack, uint32_t size);
  void LoadProtocol();  // the Ethernet type to R0, in network byte order
  void RefuseVlans();
  // Of the IPv4 header on the stack.
  void LoadField(Size size, Reg to, int16_t field);
  // The first four bytes behind the IPv4 header, to kWords: ports, or an ICMP type.
  void ReadPayload();
  void RefuseFragments();
  // Ends: to `good` with a datagram from port 68 to 67 of UDP, to whomever; refused is all else.
  void JumpWithDhcpRequest(BpfProgram::Label good);

  std::vector<bpf_insn> Finish();

  BpfProgram& code() { return code_; }
  const Verdicts& verdicts() const { return verdicts_; }

 private:
  void ReadAtR2(int16_t stack, uint32_t size);

  BpfProgram code_;
  Verdicts verdicts_;
  const Tally tally_;
};

}  // namespace flatvm::guard
