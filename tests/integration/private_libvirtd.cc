#include "tests/integration/private_libvirtd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "daemon/libvirt/connection.h"

namespace flatvm::integration {
namespace {

constexpr char kProgram[] = "/usr/sbin/libvirtd";
constexpr std::chrono::seconds kStartDeadline{20};
constexpr std::chrono::milliseconds kPoll{20};

// Puts the calling thread into namespaces of its own. What was missing, or an empty text.
std::string EnterNamespaces() {
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return "needs root: unshare was refused";
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) {
    return "needs root: mount was refused";
  }
  for (const char* directory :
       {"/run", "/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt"}) {
    if (::mount("tmpfs", directory, "tmpfs", 0, nullptr) != 0) {
      return std::string("no file system for ") + directory;
    }
  }
  for (const char* directory : {"/run/libvirt", "/run/lock", "/var/lib/libvirt/dnsmasq",
                                "/etc/libvirt/qemu", "/etc/libvirt/qemu/networks"}) {
    if (::mkdir(directory, 0755) != 0) return std::string("no ") + directory;
  }
  std::ofstream("/etc/libvirt/libvirtd.conf") << "auth_unix_rw = \"none\"\n";
  return {};
}

// In a process id namespace too, so that dnsmasq goes with it.
pid_t Start() {
  // The shell is there to reap: libvirtd waits 15 s for a dnsmasq that nobody does.
  const std::string script = std::string(kProgram) + " & wait";
  const std::array<const char*, 8> words = {
      "/usr/bin/unshare", "--fork",  "--kill-child", "--pid",
      "--mount-proc",     "/bin/sh", "-c",           script.c_str()};
  std::array<char*, words.size() + 1> argv{};
  for (size_t i = 0; i < words.size(); ++i) argv[i] = ::strdup(words[i]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, 0);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  for (char* word : argv) ::free(word);
  return pid;
}

bool Answers() {
  const auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
  do {
    if (libvirt::Connection(PrivateLibvirtd::kUri).Get().ok()) return true;
    std::this_thread::sleep_for(kPoll);
  } while (std::chrono::steady_clock::now() < deadline);
  return false;
}

}  // namespace

void PrivateLibvirtd::Run(const std::function<void()>& job) {
  // A connection that a test leaves open is closed after its libvirtd was killed.
  ::signal(SIGPIPE, SIG_IGN);
  std::string missing;
  if (::access(kProgram, X_OK) != 0) missing = "needs libvirtd";
  if (missing.empty()) {
    std::thread([&] {
      missing = EnterNamespaces();
      if (!missing.empty()) return;
      const pid_t pid = Start();
      ASSERT_GT(pid, 0);
      EXPECT_TRUE(Answers()) << "the test's own libvirtd does not answer";
      if (!::testing::Test::HasFailure()) job();
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }).join();
  }
  if (!missing.empty()) GTEST_SKIP() << missing;
}

}  // namespace flatvm::integration
