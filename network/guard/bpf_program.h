// A program for the kernel's BPF machine, put together instruction by instruction: no compiler for
// BPF is needed to build flatvm, and none on the host. Pure; bpf.h loads it.
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace flatvm::guard {

// R0 is a call's result, R1..R5 its arguments, lost by it; R6..R9 stay; R10 is the stack's end.
enum class Reg : uint8_t { kR0, kR1, kR2, kR3, kR4, kR5, kR6, kR7, kR8, kR9, kR10 };
enum class Size : uint8_t { kByte = BPF_B, kHalf = BPF_H, kWord = BPF_W, kDouble = BPF_DW };

// Numbers are compared and computed with without sign, and as 32 bits where nothing else is said.
// What is in network byte order stays so: constants are turned instead. Thread-compatible.
class BpfProgram {
 public:
  using Label = size_t;

  Label NewLabel();
  void Bind(Label label);  // here; once
  // Whether something jumps there. The kernel refuses code that nothing leads to.
  bool IsUsed(Label label) const;

  void Move(Reg to, Reg from);       // all 64 bits
  void Set(Reg to, uint32_t value);  // the upper half is 0
  void And(Reg reg, uint32_t mask);
  void ShiftLeft(Reg reg, uint32_t bits);
  void Add(Reg reg, uint32_t value);
  void SetAll(Reg to, uint64_t value);  // all 64 bits, as in those below
  void AddAll(Reg to, Reg from);
  void MultiplyAll(Reg reg, int32_t value);  // not negative
  void DivideAll(Reg to, Reg by);            // rounded down; 0 by 0
  void PointInto(Reg to, int16_t stack);     // R10 + stack
  void Load(Size size, Reg to, Reg from, int16_t offset);
  void Store(Size size, Reg to, int16_t offset, Reg from);
  void StoreNumber(Size size, Reg to, int16_t offset, uint32_t value);
  void AddAtomically(Reg to, int16_t offset, Reg from);  // 64 bits
  // What is there, 64 bits, becomes `from` if it is R0 still. R0: what was there. Linux 5.12.
  void ReplaceAtomically(Reg to, int16_t offset, Reg from);
  void SetToMap(Reg to, int map);  // a descriptor
  void Call(bpf_func_id function);
  void Jump(Label to);
  void JumpIfEqual(Reg reg, uint32_t value, Label to);
  void JumpUnlessEqual(Reg reg, uint32_t value, Label to);
  void JumpUnlessSame(Reg a, Reg b, Label to);
  void JumpIfAbove(Reg a, Reg b, Label to);  // all 64 bits: a > b
  void JumpIfPointerIsNull(Reg reg, Label to);
  void Exit();  // with R0

  // Every label that is jumped to was bound.
  std::vector<bpf_insn> Finish() const;

 private:
  void Emit(uint8_t code, Reg to, Reg from, int16_t offset, uint32_t value);
  void EmitJump(uint8_t code, Reg reg, uint32_t value, Label to);
  void EmitJump(uint8_t code, Reg a, Reg b, Label to);

  struct Fix {
    size_t at;
    Label to;
  };
  std::vector<bpf_insn> code_;
  std::vector<size_t> labels_;  // where they were bound
  std::vector<Fix> fixes_;
};

}  // namespace flatvm::guard
