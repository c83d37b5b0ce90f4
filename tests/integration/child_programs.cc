#include "tests/integration/child_programs.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::integration {
namespace {

constexpr char kProgram[] = "/usr/sbin/dnsmasq";
constexpr char kLibrary[] = "/run/flatvm-quiet-netlink.so";

// Where nobody can read it, whatever the build's folder lets through.
absl::Status ShareLibrary() {
  std::error_code error;
  std::filesystem::copy_file(FLATVM_QUIET_NETLINK, kLibrary,
                             std::filesystem::copy_options::skip_existing, error);
  return error ? base::InternalError(error.message()) : absl::OkStatus();
}

std::vector<std::string> WordsFor(const network::ServerProgram& program) {
  std::vector<std::string> words = {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534",
                                    "--clear-groups", "--no-new-privs"};
  for (const char* set : {"--inh-caps=", "--ambient-caps=", "--bounding-set="}) {
    words.push_back(base::StrCat(set, "-all,+net_admin,",
                                 program.watches_host ? "+net_raw" : "+net_bind_service"));
  }
  if (!program.watches_host) {
    words.insert(words.end(), {"/usr/bin/env", base::StrCat("LD_PRELOAD=", kLibrary)});
  }
  words.insert(words.end(), {kProgram, "--keep-in-foreground",
                             base::StrCat("--conf-file=", program.folder, "/dnsmasq.conf")});
  return words;
}

// Returns once it has said that it serves.
absl::Status AwaitStart(int log) {
  std::string said;
  std::array<char, 512> chunk{};
  while (said.find("started, version") == std::string::npos) {
    const ssize_t size = ::read(log, chunk.data(), chunk.size());
    if (size <= 0) return base::InternalError(base::StrCat("dnsmasq does not start: ", said));
    said.append(chunk.data(), static_cast<size_t>(size));
  }
  return absl::OkStatus();
}

}  // namespace

ChildPrograms::~ChildPrograms() {
  const std::lock_guard lock(mutex_);
  while (!running_.empty()) End(running_.begin()->first);
}

void ChildPrograms::End(const std::string& name) {
  const auto found = running_.find(name);
  if (found == running_.end()) return;
  ::kill(found->second, SIGKILL);
  ::waitpid(found->second, nullptr, 0);
  running_.erase(found);
}

absl::Status ChildPrograms::Start(const network::ServerProgram& program) {
  const std::lock_guard lock(mutex_);
  End(program.name);
  FLATVM_RETURN_IF_ERROR(ShareLibrary());
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return base::ErrnoError(errno, "pipe");
  const base::UniqueFd ours(ends[0]);
  base::UniqueFd theirs(ends[1]);
  std::vector<std::string> words = WordsFor(program);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return base::ErrnoError(errno, "fork");
  if (pid == 0) {
    ::dup2(theirs.get(), STDERR_FILENO);
    ::dup2(theirs.get(), STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  theirs.Reset();
  running_.insert_or_assign(program.name, pid);
  return AwaitStart(ours.get());
}

pid_t ChildPrograms::FindProcess(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(name);
  if (found == running_.end()) return -1;
  if (::waitpid(found->second, nullptr, WNOHANG) == 0) return found->second;
  running_.erase(found);
  return -1;
}

absl::Status ChildPrograms::Reload(const std::string& name) {
  const pid_t pid = FindProcess(name);
  if (pid < 0) return base::InternalError("does not run");
  return ::kill(pid, SIGHUP) == 0 ? absl::OkStatus() : base::ErrnoError(errno, "kill");
}

absl::Status ChildPrograms::Stop(const std::string& name) {
  const std::lock_guard lock(mutex_);
  End(name);
  return absl::OkStatus();
}

absl::StatusOr<bool> ChildPrograms::Runs(const std::string& name) { return FindProcess(name) >= 0; }

absl::StatusOr<std::set<std::string>> ChildPrograms::ListRunning() {
  std::set<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, pid] : running_) names.insert(name);
  }
  std::erase_if(names, [this](const std::string& name) { return FindProcess(name) < 0; });
  return names;
}

}  // namespace flatvm::integration
