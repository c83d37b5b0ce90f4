#include "tests/unit/guestlib/broker_host.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>

#include "grpcpp/server_builder.h"
#include "grpcpp/server_posix.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;

struct SocketPair {
  UniqueFd client;
  UniqueFd server;
};

SocketPair MakeSocketPair() {
  std::array<int, 2> fds{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

BrokerHost::BrokerHost() {
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.RegisterService(&volumes);
  builder.RegisterService(&images);
  server_ = builder.BuildAndStart();
}

BrokerHost::~BrokerHost() {
  Cut();
  server_->Shutdown(std::chrono::system_clock::now());
}

UniqueFd BrokerHost::Connect() {
  SocketPair pair = MakeSocketPair();
  {
    const std::lock_guard lock(mutex_);
    ends_.emplace_back(::fcntl(pair.server.get(), F_DUPFD_CLOEXEC, 0));
  }
  grpc::AddInsecureChannelFromFd(server_.get(), pair.server.Release());
  return std::move(pair.client);
}

UniqueFd BrokerHost::Refuse() { return MakeSocketPair().client; }

void BrokerHost::Cut() {
  const std::lock_guard lock(mutex_);
  for (const UniqueFd& end : ends_) ::shutdown(end.get(), SHUT_RDWR);
  ends_.clear();
}

size_t BrokerHost::connections() const {
  const std::lock_guard lock(mutex_);
  return ends_.size();
}

Surroundings FakeWorld::Make(std::function<ConnectResult(int attempt)> connect) {
  return {.connect =
              [this, connect = std::move(connect)](milliseconds timeout) {
                int attempt = 0;
                {
                  const std::lock_guard lock(mutex_);
                  attempt = static_cast<int>(connect_timeouts_.size());
                  connect_timeouts_.push_back(timeout);
                }
                return connect(attempt);
              },
          .now = [this] { return SteadyTime(std::chrono::hours(1)) + elapsed(); },
          .sleep =
              [this](milliseconds pause) {
                const std::lock_guard lock(mutex_);
                pauses_.push_back(pause);
                elapsed_ += pause;
              },
          .random = [this] { return random; },
          .exists =
              [this](const std::string& path) {
                const auto file = files.find(path);
                return file != files.end() && elapsed() >= file->second;
              },
          .disks = {.find = [this](const std::string&) -> std::optional<BlockDevice> {
                      if (mountinfo.empty()) return std::nullopt;
                      return BlockDevice{.path = "/dev/vdb", .number = "254:16"};
                    },
                    .read_mountinfo = [this] { return mountinfo; },
                    .unmount =
                        [this](const std::string& point) {
                          mounts.push_back("unmount " + point);
                          return 0;
                        },
                    .mount =
                        [this](const std::string& device, const DiskMount& mount) {
                          mounts.push_back("mount " + device + " " + mount.point);
                          return 0;
                        },
                    .exists = [](const std::string&) { return true; },
                    .now = [this] { return SteadyTime(std::chrono::hours(1)) + elapsed(); },
                    .sleep =
                        [this](milliseconds pause) {
                          const std::lock_guard lock(mutex_);
                          elapsed_ += pause;
                        }}};
}

void FakeWorld::Advance(milliseconds time) {
  const std::lock_guard lock(mutex_);
  elapsed_ += time;
}

std::vector<milliseconds> FakeWorld::pauses() const {
  const std::lock_guard lock(mutex_);
  return pauses_;
}

std::vector<milliseconds> FakeWorld::connect_timeouts() const {
  const std::lock_guard lock(mutex_);
  return connect_timeouts_;
}

milliseconds FakeWorld::elapsed() const {
  const std::lock_guard lock(mutex_);
  return elapsed_;
}

}  // namespace flatvm::guestlib
