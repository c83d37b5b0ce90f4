// How every program of the guard ends: it counts, and lets pass or drops.
#pragma once

#include "network/guard/bpf_program.h"
#include "network/guard/programs.h"

namespace flatvm::guard {

// Labels to jump to from the program; the context is lost. Thread-compatible.
struct Verdicts {
  explicit Verdicts(BpfProgram& program);
  // What those labels stand for that are jumped to; once, last of all.
  void EmitTail(const Tally& tally);

  BpfProgram& code;
  const BpfProgram::Label accepted;
  const BpfProgram::Label spoofed;
  const BpfProgram::Label refused;
  const BpfProgram::Label passed;   // without being counted
  const BpfProgram::Label dropped;  // without being counted

 private:
  void EmitCount(const Tally& tally, uint32_t action, size_t place);
};

}  // namespace flatvm::guard
