// How every program of the guard ends: it counts, and lets pass or drops.
#pragma once

#include <vector>

#include "network/guard/bpf_program.h"
#include "network/guard/programs.h"

namespace flatvm::guard {

// Labels to jump to from the program, whose R6 is the context. Thread-compatible.
struct Verdicts {
  explicit Verdicts(BpfProgram& program);
  // What those labels stand for that are jumped to; once, last of all.
  void EmitTail(const Tally& tally);

  BpfProgram& code;
  const BpfProgram::Label accepted;
  const BpfProgram::Label spoofed;
  const BpfProgram::Label refused;
  const BpfProgram::Label passed;   // without being counted, but metered
  const BpfProgram::Label dropped;  // without being counted

 private:
  // R0: the value of `key`; goes to `none` if there is none.
  void EmitLookup(const Tally& tally, uint32_t key, BpfProgram::Label none);
  void EmitCount(const Tally& tally, uint32_t action, size_t place);
  void EmitEnd(uint32_t action);
  // Goes on with what is below all ceilings, and to that one of `exceeded` with the rest.
  void EmitMeters(const Tally& tally, const std::vector<BpfProgram::Label>& exceeded);
  void EmitMeter(const Tally& tally, const Meter& meter, BpfProgram::Label exceeded);
};

}  // namespace flatvm::guard
