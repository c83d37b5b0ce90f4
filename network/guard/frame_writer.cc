#include "network/guard/frame_writer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace flatvm::guard {
namespace {

constexpr uint32_t kAnyFragment = 0x3FFF;    // offset, and "more fragments"
constexpr uint32_t kDhcpPorts = 0x00440043;  // from 68 to 67

}  // namespace

FrameWriter::FrameWriter(const Tally& tally) : verdicts_(code_), tally_(tally) {
  code_.Move(Reg::kR6, Reg::kR1);
}

void FrameWriter::Read(uint32_t offset, int16_t stack, uint32_t size) {
  code_.Set(Reg::kR2, offset);
  ReadAtR2(stack, size);
}

void FrameWriter::ReadAtR2(int16_t stack, uint32_t size) {
  code_.Move(Reg::kR1, Reg::kR6);
  code_.PointInto(Reg::kR3, stack);
  code_.Set(Reg::kR4, size);
  code_.Call(BPF_FUNC_skb_load_bytes);
  code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.refused);
}

void FrameWriter::LoadProtocol() {
  code_.Load(Size::kWord, Reg::kR0, Reg::kR6, Field(offsetof(__sk_buff, protocol)));
}

uint32_t MaskOf(const network::Ipv4Subnet& subnet) {
  return subnet.prefix_length == 0 ? 0 : htonl(~uint32_t{0} << (32U - subnet.prefix_length));
}

uint32_t WordOf(const uint8_t* bytes) {
  uint32_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

uint32_t HalfOf(const uint8_t* bytes) {
  uint16_t half = 0;
  std::memcpy(&half, bytes, sizeof(half));
  return half;
}

void FrameWriter::RefuseVlans() {
  code_.Load(Size::kWord, Reg::kR0, Reg::kR6, Field(offsetof(__sk_buff, vlan_present)));
  code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.refused);
}

void FrameWriter::LoadField(Size size, Reg to, int16_t field) {
  code_.Load(size, to, Reg::kR10, static_cast<int16_t>(kHeader + field));
}

void FrameWriter::ReadPayload() {
  LoadField(Size::kByte, Reg::kR2, 0);
  code_.And(Reg::kR2, 0xF);
  code_.ShiftLeft(Reg::kR2, 2);  // the header's length is in words of 32 bits
  code_.Add(Reg::kR2, kIp);
  ReadAtR2(kWords, sizeof(uint32_t));
}

void FrameWriter::RefuseFragments() {
  LoadField(Size::kHalf, Reg::kR0, kFragment);
  code_.And(Reg::kR0, htons(kAnyFragment));
  code_.JumpUnlessEqual(Reg::kR0, 0, verdicts_.refused);
}

void FrameWriter::JumpWithDhcpRequest(BpfProgram::Label good) {
  LoadField(Size::kByte, Reg::kR0, kProtocol);
  code_.JumpUnlessEqual(Reg::kR0, IPPROTO_UDP, verdicts_.refused);
  RefuseFragments();
  ReadPayload();
  code_.Load(Size::kWord, Reg::kR0, Reg::kR10, kWords);
  code_.JumpIfEqual(Reg::kR0, htonl(kDhcpPorts), good);
  code_.Jump(verdicts_.refused);
}

std::vector<bpf_insn> FrameWriter::Finish() {
  verdicts_.EmitTail(tally_);
  return code_.Finish();
}

}  // namespace flatvm::guard
