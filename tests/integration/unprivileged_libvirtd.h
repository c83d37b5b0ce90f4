// A libvirtd of a test's own that runs as nobody, with libvirt's in-memory test driver.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "daemon/base/str_cat.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::integration {

// Its socket and files are in a temporary directory. Runs from construction to destruction, or
// between Start and Kill; it answers some time after Start. Thread-compatible.
class UnprivilegedLibvirtd {
 public:
  UnprivilegedLibvirtd() {
    std::filesystem::permissions(home_.path(), std::filesystem::perms::all);
    Start();
  }
  ~UnprivilegedLibvirtd() { Kill(); }
  UnprivilegedLibvirtd(const UnprivilegedLibvirtd&) = delete;
  UnprivilegedLibvirtd& operator=(const UnprivilegedLibvirtd&) = delete;

  std::string Uri() const { return "test+unix:///default?socket=" + Socket(); }

  void Start() {
    std::filesystem::remove(Socket());
    std::vector<std::string> environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    for (const char* name : {"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"}) {
      environment.push_back(base::StrCat(name, "=", home_.path()));
    }
    std::vector<char*> envp;
    for (std::string& variable : environment) envp.push_back(variable.data());
    envp.push_back(nullptr);
    std::string program = kProgram;
    char* argv[] = {program.data(), nullptr};
    pid_ = ::fork();
    if (pid_ != 0) return;
    constexpr uid_t kNobody = 65534;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool is_root = ::geteuid() == 0;  // as root it would be the host's libvirtd
    if (is_root && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(126);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {0, 1, 2}) ::dup2(null, fd);
    ::execve(kProgram, argv, envp.data());
    ::_exit(127);
  }

  void Kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  static constexpr char kProgram[] = "/usr/sbin/libvirtd";

 private:
  std::string Socket() const { return home_.path() + "/libvirt/libvirt-sock"; }

  const fakes::TempDir home_;
  pid_t pid_ = -1;
};

}  // namespace flatvm::integration
