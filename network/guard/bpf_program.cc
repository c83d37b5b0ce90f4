#include "network/guard/bpf_program.h"

#include <algorithm>

namespace flatvm::guard {
namespace {

constexpr Reg kNone = Reg::kR0;

uint8_t Code(int parts) { return static_cast<uint8_t>(parts); }

}  // namespace

BpfProgram::Label BpfProgram::NewLabel() {
  labels_.push_back(0);
  return labels_.size() - 1;
}

void BpfProgram::Bind(Label label) { labels_[label] = code_.size(); }

bool BpfProgram::IsUsed(Label label) const {
  return std::any_of(fixes_.begin(), fixes_.end(),
                     [label](const Fix& fix) { return fix.to == label; });
}

void BpfProgram::Emit(uint8_t code, Reg to, Reg from, int16_t offset, uint32_t value) {
  bpf_insn instruction{};
  instruction.code = code;
  instruction.dst_reg = static_cast<uint8_t>(to) & 0xFU;
  instruction.src_reg = static_cast<uint8_t>(from) & 0xFU;
  instruction.off = offset;
  instruction.imm = static_cast<int32_t>(value);
  code_.push_back(instruction);
}

void BpfProgram::EmitJump(uint8_t code, Reg reg, uint32_t value, Label to) {
  fixes_.push_back({.at = code_.size(), .to = to});
  Emit(code, reg, kNone, 0, value);
}

void BpfProgram::EmitJump(uint8_t code, Reg a, Reg b, Label to) {
  fixes_.push_back({.at = code_.size(), .to = to});
  Emit(code, a, b, 0, 0);
}

void BpfProgram::Move(Reg to, Reg from) { Emit(Code(BPF_ALU64 | BPF_MOV | BPF_X), to, from, 0, 0); }
void BpfProgram::Set(Reg to, uint32_t value) {
  Emit(Code(BPF_ALU | BPF_MOV | BPF_K), to, kNone, 0, value);
}
void BpfProgram::And(Reg reg, uint32_t mask) {
  Emit(Code(BPF_ALU | BPF_AND | BPF_K), reg, kNone, 0, mask);
}
void BpfProgram::ShiftLeft(Reg reg, uint32_t bits) {
  Emit(Code(BPF_ALU | BPF_LSH | BPF_K), reg, kNone, 0, bits);
}
void BpfProgram::Add(Reg reg, uint32_t value) {
  Emit(Code(BPF_ALU | BPF_ADD | BPF_K), reg, kNone, 0, value);
}
void BpfProgram::SetAll(Reg to, uint64_t value) {
  Emit(Code(BPF_LD | BPF_DW | BPF_IMM), to, kNone, 0, static_cast<uint32_t>(value));
  Emit(0, kNone, kNone, 0, static_cast<uint32_t>(value >> 32U));
}
void BpfProgram::AddAll(Reg to, Reg from) {
  Emit(Code(BPF_ALU64 | BPF_ADD | BPF_X), to, from, 0, 0);
}
void BpfProgram::MultiplyAll(Reg reg, int32_t value) {
  Emit(Code(BPF_ALU64 | BPF_MUL | BPF_K), reg, kNone, 0, static_cast<uint32_t>(value));
}
void BpfProgram::DivideAll(Reg to, Reg by) {
  Emit(Code(BPF_ALU64 | BPF_DIV | BPF_X), to, by, 0, 0);
}

void BpfProgram::PointInto(Reg to, int16_t stack) {
  Move(to, Reg::kR10);
  Emit(Code(BPF_ALU64 | BPF_ADD | BPF_K), to, kNone, 0,
       static_cast<uint32_t>(static_cast<int32_t>(stack)));
}

void BpfProgram::Load(Size size, Reg to, Reg from, int16_t offset) {
  Emit(Code(BPF_LDX | BPF_MEM | static_cast<int>(size)), to, from, offset, 0);
}
void BpfProgram::Store(Size size, Reg to, int16_t offset, Reg from) {
  Emit(Code(BPF_STX | BPF_MEM | static_cast<int>(size)), to, from, offset, 0);
}
void BpfProgram::StoreNumber(Size size, Reg to, int16_t offset, uint32_t value) {
  Emit(Code(BPF_ST | BPF_MEM | static_cast<int>(size)), to, kNone, offset, value);
}
void BpfProgram::AddAtomically(Reg to, int16_t offset, Reg from) {
  Emit(Code(BPF_STX | BPF_ATOMIC | BPF_DW), to, from, offset, BPF_ADD);
}
void BpfProgram::ReplaceAtomically(Reg to, int16_t offset, Reg from) {
  Emit(Code(BPF_STX | BPF_ATOMIC | BPF_DW), to, from, offset, BPF_CMPXCHG);
}

void BpfProgram::SetToMap(Reg to, int map) {
  Emit(Code(BPF_LD | BPF_DW | BPF_IMM), to, Reg{BPF_PSEUDO_MAP_FD}, 0, static_cast<uint32_t>(map));
  Emit(0, kNone, kNone, 0, 0);  // the upper half of the number
}

void BpfProgram::Call(bpf_func_id function) {
  Emit(Code(BPF_JMP | BPF_CALL), kNone, kNone, 0, static_cast<uint32_t>(function));
}
void BpfProgram::Jump(Label to) { EmitJump(Code(BPF_JMP | BPF_JA), kNone, 0, to); }
void BpfProgram::JumpIfEqual(Reg reg, uint32_t value, Label to) {
  EmitJump(Code(BPF_JMP32 | BPF_JEQ | BPF_K), reg, value, to);
}
void BpfProgram::JumpUnlessEqual(Reg reg, uint32_t value, Label to) {
  EmitJump(Code(BPF_JMP32 | BPF_JNE | BPF_K), reg, value, to);
}
void BpfProgram::JumpUnlessSame(Reg a, Reg b, Label to) {
  EmitJump(Code(BPF_JMP32 | BPF_JNE | BPF_X), a, b, to);
}
void BpfProgram::JumpIfAbove(Reg a, Reg b, Label to) {
  EmitJump(Code(BPF_JMP | BPF_JGT | BPF_X), a, b, to);
}
void BpfProgram::JumpIfPointerIsNull(Reg reg, Label to) {
  EmitJump(Code(BPF_JMP | BPF_JEQ | BPF_K), reg, 0, to);
}
void BpfProgram::Exit() { Emit(Code(BPF_JMP | BPF_EXIT), kNone, kNone, 0, 0); }

std::vector<bpf_insn> BpfProgram::Finish() const {
  std::vector<bpf_insn> code = code_;
  for (const Fix& fix : fixes_) {
    // Counted from the instruction behind the jump.
    code[fix.at].off = static_cast<int16_t>(labels_[fix.to] - fix.at - 1);
  }
  return code;
}

}  // namespace flatvm::guard
