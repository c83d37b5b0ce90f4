#include "daemon/hypervisor/boot_id.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/fakes/temp_dir.h"

namespace flatvm::hypervisor {
namespace {

class BootIdTest : public ::testing::Test {
 protected:
  BootIdTest() {
    Write("boot_id", "a0b1c2d3\n");
    Run(4711, "999");
  }

  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = root_.path() + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  // The primary's QEMU is process `pid`, which started at `ticks`.
  void Run(int pid, const std::string& ticks) {
    Write("qemu/acme-primary.pid", std::to_string(pid));
    Write("proc/" + std::to_string(pid) + "/stat",
          std::to_string(pid) + " (qemu ) 1 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 " +
              ticks + " 20 21");
  }

  std::string Read(int domain_id = 3) {
    return ReadBootId({.kernel_boot_id = root_.path() + "/boot_id",
                       .qemu_pid_dir = root_.path() + "/qemu",
                       .proc = root_.path() + "/proc"},
                      "acme-primary", domain_id);
  }

  fakes::TempDir root_;
};

TEST_F(BootIdTest, NamesHostBootDomainAndProcess) { EXPECT_EQ(Read(), "a0b1c2d3:3:4711:999"); }

TEST_F(BootIdTest, StaysAsLongAsTheDomainRuns) { EXPECT_EQ(Read(), Read()); }

TEST_F(BootIdTest, DiffersAtEveryStart) {
  std::set<std::string> ids = {Read()};
  ids.insert(Read(4));
  Run(4711, "1000");  // libvirt's id and the pid used again
  ids.insert(Read());
  Run(4712, "1000");
  ids.insert(Read());
  Write("boot_id", "e4f5\n");
  ids.insert(Read());
  EXPECT_EQ(ids.size(), 5U);
}

TEST_F(BootIdTest, DoesWithoutAPidFile) {
  for (const char* text : {"", "x", "-1", "99999999999999999999"}) {
    Write("qemu/acme-primary.pid", text);
    EXPECT_EQ(Read(), "a0b1c2d3:3:0:0") << text;
  }
  Write("qemu/acme-primary.pid", "4713");
  EXPECT_EQ(Read(), "a0b1c2d3:3:4713:0");
}

}  // namespace
}  // namespace flatvm::hypervisor
