// What can be said of the guard's programs without a kernel; what they do, tenant_guard_test says.
#include <gtest/gtest.h>

#include <cstddef>
#include <set>

#include "network/guard/bpf_program.h"
#include "network/guard/programs.h"
#include "network/guard/tenant_guard.h"

namespace flatvm::guard {
namespace {

const network::Ipv4Subnet kSubnet = *network::ParseIpv4Subnet("test", "10.213.4.0/24");
const network::Ipv4Subnet kPool = *network::ParseIpv4Subnet("test", "10.213.0.0/16");
constexpr size_t kMostInstructions = 4096;  // of a kernel that does not know CAP_BPF

constexpr uint64_t kRate = uint64_t{5} << 30U;

Tally Metered(uint64_t rate) {
  const Meter meter{.bytes_per_second = rate,
                    .key = 2,
                    .due = offsetof(Counts, due_out),
                    .exceeded = offsetof(Counts, exceeded_out)};
  return {.map = 5, .key = 1, .meters = {meter}};
}

std::vector<std::vector<bpf_insn>> AllPrograms() {
  const Tally tally{.map = 5, .key = 1};
  const Machine machine{.mac = {0x52, 0x54, 0, 1, 2, 3}, .address = {0x0AD50402}};
  Machine dual = machine;
  dual.prefix = network::Ipv6Prefix{{0xFD, 1, 2, 3, 4, 5, 6, 7}};
  const Subnets both{.ipv4 = kSubnet, .ipv6 = dual.prefix, .gateway_mac = machine.mac};
  Machine router = machine;
  router.routes_for = kSubnet;
  return {BuildBridgeIn({kSubnet}, {.uplinks = {2, 3}}, tally),
          BuildBridgeIn({kSubnet}, {.uplinks = {2, 3}, .only = machine.address}, tally),
          BuildBridgeIn({kSubnet}, {}, tally),
          BuildBridgeOut({kSubnet}, tally),
          BuildUplinkOut({kPool}, tally),
          BuildBridgeIn(both, {.uplinks = {2, 3}}, tally),
          BuildBridgeIn(both, {.uplinks = {2, 3}, .only = machine.address}, tally),
          BuildBridgeOut(both, tally),
          BuildUplinkOut({kPool, network::Ipv6Pool{{0xFD, 1, 2, 3, 4}}}, tally),
          BuildPortIn(machine, tally),
          BuildPortIn(dual, tally),
          BuildPortIn(router, tally),
          BuildClosedPort(tally),
          BuildBridgeIn(both, {.uplinks = {2, 3}}, Metered(kRate)),
          BuildBridgeOut(both, Metered(kRate)),
          BuildPortIn(router, Metered(kRate)),
          BuildPortOut(Metered(kRate))};
}

bool IsJump(const bpf_insn& instruction) {
  const int kind = BPF_CLASS(instruction.code);
  const int operation = BPF_OP(instruction.code);
  return (kind == BPF_JMP || kind == BPF_JMP32) && operation != BPF_CALL && operation != BPF_EXIT;
}

TEST(BpfProgram, CountsJumpsFromTheInstructionBehindThem) {
  BpfProgram program;
  const BpfProgram::Label end = program.NewLabel();
  EXPECT_FALSE(program.IsUsed(end));
  program.JumpIfEqual(Reg::kR1, 0x80000000U, end);
  program.Set(Reg::kR0, 7);
  program.Bind(end);
  program.Exit();
  EXPECT_TRUE(program.IsUsed(end));
  const std::vector<bpf_insn> code = program.Finish();
  ASSERT_EQ(code.size(), 3U);
  EXPECT_EQ(code[0].off, 1);
  EXPECT_EQ(BPF_CLASS(code[0].code), BPF_JMP32) << "of 64 bits, the number would have a sign";
  EXPECT_EQ(static_cast<uint32_t>(code[0].imm), 0x80000000U);
}

TEST(BpfProgram, HasNumbersOfAllBitsInTwoInstructions) {
  BpfProgram program;
  program.SetAll(Reg::kR3, 0x123456789ABCDEF0U);
  const std::vector<bpf_insn> code = program.Finish();
  ASSERT_EQ(code.size(), 2U);
  EXPECT_EQ(code[0].code, BPF_LD | BPF_DW | BPF_IMM);
  EXPECT_EQ(code[0].src_reg, 0) << "else it would be a map's descriptor";
  EXPECT_EQ(static_cast<uint32_t>(code[0].imm), 0x9ABCDEF0U);
  EXPECT_EQ(static_cast<uint32_t>(code[1].imm), 0x12345678U);
}

TEST(GuardPrograms, EndAndJumpWithinThemselves) {
  for (const std::vector<bpf_insn>& code : AllPrograms()) {
    ASSERT_FALSE(code.empty());
    EXPECT_LT(code.size(), kMostInstructions);
    EXPECT_EQ(code.back().code, BPF_JMP | BPF_EXIT);
    for (size_t i = 0; i < code.size(); ++i) {
      if (!IsJump(code[i])) continue;
      EXPECT_GE(code[i].off, 0) << "a loop at " << i;
      EXPECT_LT(i + 1 + static_cast<size_t>(code[i].off), code.size()) << i;
    }
  }
}

// Kernels before 6.8 take a number at the begin of eight bytes of the stack for a register that was
// put aside, and refuse whoever has no CAP_PERFMON to overwrite a part of it.
TEST(GuardPrograms, WriteTheBeginOfEightBytesLast) {
  for (const std::vector<bpf_insn>& code : AllPrograms()) {
    std::set<int> begun;
    for (size_t i = 0; i < code.size(); ++i) {
      const int kind = BPF_CLASS(code[i].code);
      const bool stores = (kind == BPF_ST || kind == BPF_STX) && BPF_MODE(code[i].code) == BPF_MEM;
      if (!stores || code[i].dst_reg != BPF_REG_10) continue;
      const int eight = -((-code[i].off + 7) / 8);  // rounded down
      if (BPF_SIZE(code[i].code) == BPF_DW) {
        begun.erase(eight);
        continue;
      }
      EXPECT_FALSE(begun.contains(eight)) << "instruction " << i << ", at " << code[i].off;
      if (code[i].off % 8 == 0) begun.insert(eight);
    }
  }
}

TEST(GuardPrograms, HaveNamesByWhatTheyDo) {
  std::set<std::string> names;
  for (const std::vector<bpf_insn>& code : AllPrograms()) names.insert(ProgramName(code, 9));
  EXPECT_EQ(names.size(), AllPrograms().size());
  const auto built = [](int map, uint32_t key) {
    return BuildBridgeOut({kSubnet}, {.map = map, .key = key});
  };
  EXPECT_EQ(ProgramName(built(5, 1), 9), ProgramName(built(6, 1), 9)) << "the same map";
  EXPECT_NE(ProgramName(built(5, 1), 9), ProgramName(built(5, 1), 10)) << "another map";
  EXPECT_NE(ProgramName(built(5, 1), 9), ProgramName(built(5, 2), 9)) << "another tenant";
  const auto metered = [](uint64_t rate) { return ProgramName(BuildPortOut(Metered(rate)), 9); };
  EXPECT_NE(metered(kRate), metered(kRate + 1)) << "another ceiling";
  EXPECT_NE(metered(kRate), metered(kRate + (uint64_t{1} << 32U))) << "by its upper half";
}

}  // namespace
}  // namespace flatvm::guard
