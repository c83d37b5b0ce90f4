#include "daemon/app/requirements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/fakes/temp_dir.h"

namespace flatvm::app {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A host that has all it needs, as a directory tree.
class RequirementsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    paths_.cgroup_root = dir_.path() + "/cgroup";
    paths_.systemd_marker = Touch("systemd");
    paths_.vhost_vsock = Touch("vhost-vsock");
    std::filesystem::create_directory(paths_.cgroup_root);
    SetControllers("cpuset cpu io memory hugetlb pids rdma misc");
    config_.state_dir = dir_.path() + "/state";
    std::filesystem::create_directory(config_.state_dir);
    config_.front_program = "/bin/true";
    config_.quota_program = "/bin/true";
    config_.import_program = "/bin/true";
    config_.qemu_img_program = "/bin/true";
  }

  std::string Touch(const std::string& name) {
    const std::string path = dir_.path() + "/" + name;
    std::ofstream(path).flush();
    return path;
  }

  void SetControllers(const std::string& names) {
    std::ofstream(paths_.cgroup_root + "/cgroup.controllers") << names << "\n";
  }

  // Tests may run as any user; that flatvmd may not is the first message and no matter here.
  std::vector<std::string> Unmet() const {
    std::vector<std::string> unmet = UnmetRequirements(config_, paths_);
    std::erase_if(unmet, [](const std::string& line) { return line.starts_with("flatvmd must"); });
    return unmet;
  }

  fakes::TempDir dir_;
  config::Config config_;
  HostPaths paths_;
};

TEST_F(RequirementsTest, AreMetByAHostThatHasAll) { EXPECT_THAT(Unmet(), IsEmpty()); }

TEST_F(RequirementsTest, NameEachControllerThatIsMissing) {
  SetControllers("cpu memory pids");
  EXPECT_THAT(Unmet(), ElementsAre(StartsWith("the kernel's cgroup v2 has no cpuset controller"),
                                   StartsWith("the kernel's cgroup v2 has no io controller")));
}

TEST_F(RequirementsTest, NameWhatIsNotMounted) {
  std::filesystem::remove_all(paths_.cgroup_root);
  EXPECT_THAT(Unmet(),
              ElementsAre(StartsWith("cgroup v2 is not mounted at " + paths_.cgroup_root)));
}

TEST_F(RequirementsTest, NameMissingFilesAndWhatToDo) {
  std::filesystem::remove(paths_.vhost_vsock);
  std::filesystem::remove(paths_.systemd_marker);
  config_.qemu_img_program = dir_.path() + "/qemu-img";
  EXPECT_THAT(Unmet(),
              ElementsAre(StartsWith("systemd does not run this host"),
                          paths_.vhost_vsock + " is missing; load it with modprobe vhost_vsock",
                          config_.qemu_img_program +
                              " cannot be executed; install the package qemu-utils"));
}

TEST_F(RequirementsTest, WantAStateDirectory) {
  config_.state_dir = dir_.path() + "/none";
  EXPECT_THAT(Unmet(), ElementsAre(StartsWith("the state directory " + config_.state_dir +
                                              " is missing or not writable")));
}

TEST_F(RequirementsTest, WantDirectIoForDisks) {
  config_.state_dir = "/proc/self";
  EXPECT_THAT(Unmet(), Contains(StartsWith("the state directory /proc/self is ")));
}

TEST_F(RequirementsTest, WantAPoolThatCanBeCut) {
  config_.subnet_prefix_length = 8;
  EXPECT_THAT(Unmet(), ElementsAre(StartsWith("network.subnet_prefix_length: must be ")));
}

TEST_F(RequirementsTest, WantAnIpv6PoolOrAWordForOne) {
  for (const char* good : {"auto", "none", "fd12:3456:7800::/40"}) {
    config_.ipv6_pool = good;
    EXPECT_THAT(Unmet(), IsEmpty()) << good;
  }
  for (const char* bad : {"", "yes", "fd12:3456:7800::/48", "2001:db8::/40"}) {
    config_.ipv6_pool = bad;
    EXPECT_THAT(Unmet(),
                ElementsAre(::testing::AllOf(StartsWith("network.ipv6_pool: "),
                                             ::testing::EndsWith("; or be \"auto\", or \"none\""))))
        << bad;
  }
}

}  // namespace
}  // namespace flatvm::app
