// The caller's end of a lane.
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "lane.h"
#include "lane_frames.h"

namespace flatvm::testbed {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kMaxLanes = 32;
constexpr auto kFreeLaneWait = std::chrono::seconds(60);
constexpr auto kHelloWait = std::chrono::seconds(30);
constexpr auto kGrace = std::chrono::seconds(20);  // after the deadline that the other end keeps
volatile sig_atomic_t g_signal = 0;

struct Lane {
  int lock = -1;
  int socket = -1;
  bool left_dirty = false;  // the last client died half way
};

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

int Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return errno = ENAMETOOLONG, -1;
  memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

// Takes the first lane that no other process has; waits if all are taken. socket stays -1 if there
// is none.
Lane TakeLane(const std::string& directory) {
  const auto give_up = Clock::now() + kFreeLaneWait;
  do {
    bool any = false;
    for (int i = 0; i < kMaxLanes; ++i) {
      const std::string base = directory + "/lane" + std::to_string(i);
      if (access((base + ".sock").c_str(), F_OK) != 0) continue;
      any = true;
      Lane lane;
      lane.lock = open((base + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (lane.lock < 0) continue;
      if (flock(lane.lock, LOCK_EX | LOCK_NB) == 0) {
        struct stat info {};
        lane.left_dirty = fstat(lane.lock, &info) == 0 && info.st_size > 0;
        lane.socket = Connect(base + ".sock");
        if (lane.socket >= 0) return lane;
      }
      close(lane.lock);
    }
    if (!any) return errno = ENOENT, Lane{};
    usleep(10'000);
  } while (Clock::now() < give_up);
  return errno = EBUSY, Lane{};
}

class Session {
 public:
  Session(const RunOptions& options, const Lane& lane) : options_(options), lane_(lane) {
    stdin_open_ = options.forward_stdin;
  }

  int Run(const std::vector<std::string>& argv) {
    std::string token(kTokenBytes, '\0');
    if (getrandom(token.data(), token.size(), 0) < 0) return Fail("no random bytes");
    std::string opening;
    if (lane_.left_dirty) opening.assign(kMaxPayloadBytes + 2 * kHeaderBytes, kFiller);
    AppendFrame(opening, kHello, token);
    std::string words = std::to_string(options_.timeout_s) + '\0';
    for (const std::string& word : argv) (words += word) += '\0';
    if (words.size() > kMaxPayloadBytes) return Fail("command line over 64 KiB");
    AppendFrame(opening, kStart, words);
    if (!options_.forward_stdin) AppendFrame(opening, kInputEnd, "");
    if (!WriteAll(lane_.socket, opening)) return Fail(strerror(errno));
    expected_ = std::string(1, kHelloAnswer) + EncodeU32(kTokenBytes) + token;
    const auto start = Clock::now();
    while (!exit_code_) {
      const auto now = Clock::now();
      if (!expected_.empty() && now > start + kHelloWait) return Fail("nobody answers in the VM");
      if (options_.timeout_s && now > start + std::chrono::seconds(options_.timeout_s) + kGrace) {
        return Fail("the VM does not keep the deadline");
      }
      if (!Step()) return kLaneFailed;
    }
    return *exit_code_;
  }

 private:
  int Fail(const char* why) {
    fprintf(stderr, "lane: %s: %s\n", options_.directory.c_str(), why);
    return kLaneFailed;
  }

  bool Step() {
    if (const int number = std::exchange(g_signal, 0))
      Send(kSignal, std::string(1, static_cast<char>(number)));
    const bool may_send = stdin_open_ && expected_.empty() && under_way_ < kInputWindowBytes;
    pollfd fds[2] = {{lane_.socket, POLLIN, 0}, {may_send ? STDIN_FILENO : -1, POLLIN, 0}};
    if (poll(fds, 2, 1000) < 0) return errno == EINTR;
    if (fds[1].revents) ForwardInput();
    return !fds[0].revents || Receive();
  }

  void Send(char type, const std::string& payload) {
    std::string frame;
    AppendFrame(frame, type, payload);
    WriteAll(lane_.socket, frame);
  }

  void ForwardInput() {
    std::string bytes(kMaxPayloadBytes, '\0');
    const ssize_t n =
        read(STDIN_FILENO, bytes.data(), std::min(bytes.size(), kInputWindowBytes - under_way_));
    if (n < 0 && errno == EINTR) return;
    bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
    under_way_ += bytes.size();
    stdin_open_ = !bytes.empty();
    Send(stdin_open_ ? kInput : kInputEnd, bytes);
  }

  bool Receive() {
    char bytes[kMaxPayloadBytes];
    const ssize_t n = read(lane_.socket, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) return true;
    if (n <= 0) return Fail("the VM is gone"), false;
    reader_.Append({bytes, static_cast<size_t>(n)});
    if (!expected_.empty()) {  // what an earlier client's command still said comes first
      std::string& buffer = reader_.buffer();
      const size_t at = buffer.find(expected_);
      if (at == std::string::npos) {
        if (buffer.size() > expected_.size()) buffer.erase(0, buffer.size() - expected_.size());
        return true;
      }
      buffer.erase(0, at + expected_.size());
      expected_.clear();
    }
    while (std::optional<Frame> frame = reader_.Next()) Handle(*frame);
    return true;
  }

  void Handle(const Frame& frame) {
    if (frame.type == kOutput) WriteAll(STDOUT_FILENO, frame.payload);
    if (frame.type == kErrors) WriteAll(STDERR_FILENO, frame.payload);
    if (frame.type == kAccepted)
      under_way_ -= std::min<size_t>(under_way_, DecodeU32(frame.payload));
    if (frame.type == kExit) exit_code_ = static_cast<int>(DecodeU32(frame.payload));
  }

  const RunOptions& options_;
  const Lane& lane_;
  std::string expected_;  // until it came: the answer to our hello
  FrameReader reader_;
  bool stdin_open_ = true;
  size_t under_way_ = 0;
  std::optional<int> exit_code_;
};

}  // namespace

int Run(const RunOptions& options, const std::vector<std::string>& argv) {
  const Lane lane = TakeLane(options.directory);
  if (lane.socket < 0) {
    fprintf(stderr, "lane: %s: %s\n", options.directory.c_str(),
            errno == EBUSY ? "all lanes are taken" : "no lane");
    return kLaneFailed;
  }
  // A client that dies half way leaves its mark, and the next one flushes the lane first.
  if (!WriteAll(lane.lock, "busy\n"))
    fprintf(stderr, "lane: cannot mark the lane: %s\n", strerror(errno));
  struct sigaction remember {};
  remember.sa_handler = [](int number) { g_signal = number; };
  for (int number : {SIGINT, SIGTERM, SIGHUP}) sigaction(number, &remember, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const int code = Session(options, lane).Run(argv);
  if (code != kLaneFailed && ftruncate(lane.lock, 0) != 0) perror("lane: cannot unmark the lane");
  return code;
}

}  // namespace flatvm::testbed
