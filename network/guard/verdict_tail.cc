#include "network/guard/verdict_tail.h"

#include <linux/pkt_cls.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace flatvm::guard {
namespace {

// Filters behind ours have their say, too; without any the frame goes on.
constexpr auto kPass = static_cast<uint32_t>(TC_ACT_UNSPEC);
constexpr uint32_t kDrop = TC_ACT_SHOT;
constexpr int16_t kKeyOnStack = -4;

}  // namespace

Verdicts::Verdicts(BpfProgram& program)
    : code(program),
      accepted(program.NewLabel()),
      spoofed(program.NewLabel()),
      refused(program.NewLabel()),
      passed(program.NewLabel()),
      dropped(program.NewLabel()) {}

// Each place by its own instructions: a place that is computed would ask for CAP_PERFMON.
void Verdicts::EmitCount(const Tally& tally, uint32_t action, size_t place) {
  const BpfProgram::Label end = code.NewLabel();
  code.StoreNumber(Size::kWord, Reg::kR10, kKeyOnStack, tally.key);
  code.SetToMap(Reg::kR1, tally.map);
  code.PointInto(Reg::kR2, kKeyOnStack);
  code.Call(BPF_FUNC_map_lookup_elem);
  code.JumpIfPointerIsNull(Reg::kR0, end);
  code.Set(Reg::kR1, 1);
  code.AddAtomically(Reg::kR0, static_cast<int16_t>(place), Reg::kR1);
  code.Bind(end);
  code.Set(Reg::kR0, action);
  code.Exit();
}

void Verdicts::EmitTail(const Tally& tally) {
  struct Kind {
    BpfProgram::Label label;
    uint32_t action;
    size_t place;
  };
  for (const Kind& kind : {Kind{accepted, kPass, offsetof(Counts, accepted)},
                           Kind{spoofed, kDrop, offsetof(Counts, spoofed)},
                           Kind{refused, kDrop, offsetof(Counts, refused)}}) {
    if (!code.IsUsed(kind.label)) continue;
    code.Bind(kind.label);
    EmitCount(tally, kind.action, kind.place);
  }
  for (const auto& [label, action] : {std::pair{passed, kPass}, std::pair{dropped, kDrop}}) {
    if (!code.IsUsed(label)) continue;
    code.Bind(label);
    code.Set(Reg::kR0, action);
    code.Exit();
  }
}

}  // namespace flatvm::guard
