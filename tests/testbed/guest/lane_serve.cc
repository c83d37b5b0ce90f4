// The machine's end of a lane: runs what arrives on the port, one command at a time, for ever.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>

#include "lane.h"
#include "lane_frames.h"
#include "lane_job.h"

namespace flatvm::testbed {
namespace {

// Output held for a client that does not read; beyond it the command's pipes fill up and it waits.
constexpr size_t kOutputHighWater = 256 * 1024;
constexpr size_t kChunkBytes = 32 * 1024;
constexpr std::chrono::seconds kGoneForGood{5};

class Server {
 public:
  explicit Server(int port) : port_(port) {}

  void Step() {
    const bool backed_up = output_.size() > kOutputHighWater;
    const bool has_output = !output_.empty();
    const bool serves = connected_ && job_;
    pollfd fds[5] = {
        {connected_ ? port_ : -1, static_cast<short>(POLLIN | (has_output ? POLLOUT : 0)), 0},
        {serves && job_->HasQueuedInput() ? job_->input_fd() : -1, POLLOUT, 0},
        {serves && !backed_up ? job_->output_fd() : -1, POLLIN, 0},
        {serves && !backed_up ? job_->errors_fd() : -1, POLLIN, 0},
        {serves && !backed_up ? job_->exit_fd() : -1, POLLIN, 0},
    };
    // A port that no client has open polls as hung up all the time. The kernel says by SIGIO that
    // one came; the timeout covers a signal that came just before.
    int timeout_ms = job_ ? job_->MillisecondsLeft() : -1;
    if (!connected_) timeout_ms = 100;
    const timespec wait{timeout_ms / 1000, (timeout_ms % 1000) * 1'000'000};
    sigset_t none;
    sigemptyset(&none);
    const int ready = ppoll(fds, 5, timeout_ms < 0 ? nullptr : &wait, &none);
    if (!connected_) return WaitForClient();
    if (job_ && job_->MillisecondsLeft() == 0) return EndJob(kTimedOut);
    if (ready <= 0) return;
    if (fds[0].revents & POLLIN) Receive();
    if (fds[0].revents & (POLLHUP | POLLERR)) return Disconnect();
    if (fds[0].revents & POLLOUT) Flush();
    if (!job_) return;
    if (fds[1].revents) AcceptInput();
    if (fds[2].revents) Forward(kOutput, job_->ReadOutput(kChunkBytes));
    if (fds[3].revents) Forward(kErrors, job_->ReadErrors(kChunkBytes));
    if (fds[4].revents & POLLIN) Finish();
  }

 private:
  bool IsOpenedByClient() const {
    pollfd fd{port_, POLLIN, 0};
    return poll(&fd, 1, 0) >= 0 && !(fd.revents & POLLHUP);
  }

  // That a client went, and that one came, the kernel hears on another queue than what they send,
  // and later: the one that is said to be gone may be the one before, and the command is another's
  // already. It is kept for as long as the next word may take. Whoever is next resets it.
  void Disconnect() {
    connected_ = false;
    gone_since_ = Job::Clock::now();
  }

  void WaitForClient() {
    connected_ = IsOpenedByClient();
    if (connected_ || Job::Clock::now() < gone_since_ + kGoneForGood) return;
    job_.reset();
    reader_.Clear();
    output_.clear();
  }

  void Flush() {
    const ssize_t n = write(port_, output_.data(), std::min(output_.size(), kChunkBytes));
    if (n > 0) output_.erase(0, static_cast<size_t>(n));
  }

  void Receive() {
    char bytes[kChunkBytes];
    const ssize_t n = read(port_, bytes, sizeof bytes);
    if (n == 0) return Disconnect();
    if (n < 0) return;
    reader_.Append({bytes, static_cast<size_t>(n)});
    while (std::optional<Frame> frame = reader_.Next()) Handle(*frame);
  }

  void Handle(const Frame& frame) {
    switch (frame.type) {
      case kFiller:
        job_.reset();
        break;
      case kHello:
        job_.reset();
        output_.clear();
        AppendFrame(output_, kHelloAnswer, frame.payload);
        break;
      case kStart:
        Start(frame.payload);
        break;
      case kInput:
        if (job_) {
          job_->QueueInput(frame.payload);
          AcceptInput();
        }
        break;
      case kInputEnd:
        if (job_) {
          job_->EndInput();
          AcceptInput();
        }
        break;
      case kSignal:
        if (job_ && !frame.payload.empty()) job_->Signal(frame.payload[0]);
        break;
      default:
        break;
    }
  }

  void Start(const std::string& payload) {
    std::vector<std::string> words;
    for (size_t at = 0; at < payload.size();) {
      words.emplace_back(payload.c_str() + at);
      at += words.back().size() + 1;
    }
    if (words.size() < 2) return EndJob(kLaneFailed);
    int seconds = 0;
    std::from_chars(words[0].data(), words[0].data() + words[0].size(), seconds);
    words.erase(words.begin());
    job_.reset();
    if (std::optional<Job> started = Job::Start(words, std::chrono::seconds(seconds))) {
      job_.emplace(std::move(*started));
    } else {
      EndJob(kLaneFailed);
    }
  }

  void AcceptInput() {
    if (const size_t n = job_->FlushInput())
      AppendFrame(output_, kAccepted, EncodeU32(static_cast<uint32_t>(n)));
  }

  void Forward(char type, const std::string& bytes) {
    if (!bytes.empty()) AppendFrame(output_, type, bytes);
  }

  // What the command wrote is in the pipes by now. A daemon that it left behind may hold them open:
  // not waited for.
  void Finish() {
    for (std::string bytes; !(bytes = job_->ReadOutput(kChunkBytes)).empty();)
      Forward(kOutput, bytes);
    for (std::string bytes; !(bytes = job_->ReadErrors(kChunkBytes)).empty();)
      Forward(kErrors, bytes);
    const int code = job_->Reap();
    EndJob(code);
  }

  void EndJob(int code) {
    job_.reset();
    AppendFrame(output_, kExit, EncodeU32(static_cast<uint32_t>(code)));
  }

  const int port_;
  bool connected_ = false;
  Job::Clock::time_point gone_since_;  // if it is not
  FrameReader reader_;
  std::string output_;
  std::optional<Job> job_;
};

}  // namespace

int Serve(const char* path) {
  const int port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (port < 0)
    return fprintf(stderr, "lane: cannot open %s: %s\n", path, strerror(errno)), kLaneFailed;
  signal(SIGPIPE, SIG_IGN);
  struct sigaction ignore_but_wake {};
  ignore_but_wake.sa_handler = [](int) {};
  sigaction(SIGIO, &ignore_but_wake, nullptr);
  sigset_t io;
  sigemptyset(&io);
  sigaddset(&io, SIGIO);
  sigprocmask(SIG_BLOCK, &io, nullptr);  // delivered inside ppoll only
  fcntl(port, F_SETOWN, getpid());
  fcntl(port, F_SETFL, O_NONBLOCK | O_ASYNC);
  for (Server server(port);;) server.Step();
}

}  // namespace flatvm::testbed
