#include "network/guard/verdict_tail.h"

#include <linux/pkt_cls.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace flatvm::guard {
namespace {

// Filters behind ours have their say, too; without any the frame goes on.
constexpr auto kPass = static_cast<uint32_t>(TC_ACT_UNSPEC);
constexpr uint32_t kDrop = TC_ACT_SHOT;
constexpr int16_t kKeyOnStack = -4;

constexpr int32_t kNsInSecond = 1'000'000'000;
// TCP that lost the end of what it sent waits 200 ms and a round trip (tcp(7): TCP_RTO_MIN). What
// of the ceiling is not kept for it until then is lost: with 100 ms it got half of its ceiling.
constexpr uint64_t kBurstTime = uint64_t{300} * 1'000'000;
// Four frames of the largest kind: what offloads leave whole is 64 KiB.
constexpr uint64_t kBurstBytes = uint64_t{256} << 10U;

int16_t Field(size_t offset) { return static_cast<int16_t>(offset); }

uint64_t BurstNs(uint64_t bytes_per_second) {
  return std::max(kBurstTime, kBurstBytes * kNsInSecond / bytes_per_second);
}

}  // namespace

Verdicts::Verdicts(BpfProgram& program)
    : code(program),
      accepted(program.NewLabel()),
      spoofed(program.NewLabel()),
      refused(program.NewLabel()),
      passed(program.NewLabel()),
      dropped(program.NewLabel()) {}

void Verdicts::EmitLookup(const Tally& tally, uint32_t key, BpfProgram::Label none) {
  code.StoreNumber(Size::kWord, Reg::kR10, kKeyOnStack, key);
  code.SetToMap(Reg::kR1, tally.map);
  code.PointInto(Reg::kR2, kKeyOnStack);
  code.Call(BPF_FUNC_map_lookup_elem);
  code.JumpIfPointerIsNull(Reg::kR0, none);
}

// Each place by its own instructions: a place that is computed would ask for CAP_PERFMON.
void Verdicts::EmitCount(const Tally& tally, uint32_t action, size_t place) {
  const BpfProgram::Label end = code.NewLabel();
  EmitLookup(tally, tally.key, end);
  code.Set(Reg::kR1, 1);
  code.AddAtomically(Reg::kR0, static_cast<int16_t>(place), Reg::kR1);
  code.Bind(end);
  EmitEnd(action);
}

void Verdicts::EmitEnd(uint32_t action) {
  code.Set(Reg::kR0, action);
  code.Exit();
}

void Verdicts::EmitMeters(const Tally& tally, const std::vector<BpfProgram::Label>& exceeded) {
  for (size_t i = 0; i < tally.meters.size(); ++i) EmitMeter(tally, tally.meters[i], exceeded[i]);
}

// Where the value is not there, somebody removed it: what isolates holds, and the ceiling is back
// with the value, which flatvmd looks after.
void Verdicts::EmitMeter(const Tally& tally, const Meter& meter, BpfProgram::Label exceeded) {
  const auto due = static_cast<int16_t>(meter.due);
  const uint64_t rate = meter.bytes_per_second;
  const BpfProgram::Label below = code.NewLabel();
  const BpfProgram::Label busy = code.NewLabel();
  EmitLookup(tally, meter.key, below);
  code.Move(Reg::kR7, Reg::kR0);
  code.Call(BPF_FUNC_ktime_get_ns);
  code.Move(Reg::kR8, Reg::kR0);
  code.Load(Size::kDouble, Reg::kR9, Reg::kR7, due);
  code.JumpIfAbove(Reg::kR9, Reg::kR8, busy);
  // Nothing was sent for a while, which is not made up for. One CPU says so, and others' frames of
  // the same moment are added to it.
  code.Move(Reg::kR0, Reg::kR9);
  code.ReplaceAtomically(Reg::kR7, due, Reg::kR8);
  code.Move(Reg::kR9, Reg::kR8);
  code.Bind(busy);
  code.SetAll(Reg::kR0, BurstNs(rate));
  code.AddAll(Reg::kR8, Reg::kR0);
  code.JumpIfAbove(Reg::kR9, Reg::kR8, exceeded);
  code.Load(Size::kWord, Reg::kR0, Reg::kR6, Field(offsetof(__sk_buff, len)));
  code.MultiplyAll(Reg::kR0, kNsInSecond);
  code.SetAll(Reg::kR1, rate / 2);  // to the nearest
  code.AddAll(Reg::kR0, Reg::kR1);
  code.SetAll(Reg::kR1, rate);
  code.DivideAll(Reg::kR0, Reg::kR1);
  code.AddAtomically(Reg::kR7, due, Reg::kR0);
  code.Bind(below);
}

void Verdicts::EmitTail(const Tally& tally) {
  std::vector<BpfProgram::Label> exceeded;
  for (size_t i = 0; i < tally.meters.size(); ++i) exceeded.push_back(code.NewLabel());
  if (code.IsUsed(accepted)) {
    code.Bind(accepted);
    EmitMeters(tally, exceeded);
    EmitCount(tally, kPass, offsetof(Counts, accepted));
  }
  if (code.IsUsed(passed)) {
    code.Bind(passed);
    EmitMeters(tally, exceeded);
    EmitEnd(kPass);
  }
  for (size_t i = 0; i < tally.meters.size(); ++i) {
    if (!code.IsUsed(exceeded[i])) continue;
    code.Bind(exceeded[i]);
    EmitCount(tally, kDrop, tally.meters[i].exceeded);
  }
  for (const auto& [label, place] : {std::pair{spoofed, offsetof(Counts, spoofed)},
                                     std::pair{refused, offsetof(Counts, refused)}}) {
    if (!code.IsUsed(label)) continue;
    code.Bind(label);
    EmitCount(tally, kDrop, place);
  }
  if (!code.IsUsed(dropped)) return;
  code.Bind(dropped);
  EmitEnd(kDrop);
}

}  // namespace flatvm::guard
