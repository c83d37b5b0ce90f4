#include "tests/integration/net_namespace.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <thread>

#include "daemon/base/str_cat.h"
#include "daemon/base/subprocess.h"

namespace flatvm::integration {
namespace {

constexpr std::chrono::seconds kProgramTimeout{20};
constexpr std::chrono::milliseconds kTry{100};

struct Endpoint {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Endpoint MakeEndpoint(const std::string& address, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  Endpoint endpoint;
  const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  EXPECT_EQ(error, 0) << address;
  if (error != 0) return endpoint;
  std::copy_n(reinterpret_cast<const char*>(found->ai_addr), found->ai_addrlen,
              reinterpret_cast<char*>(&endpoint.storage));
  endpoint.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return endpoint;
}

std::string ToString(Endpoint& endpoint) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  EXPECT_EQ(::getnameinfo(endpoint.get(), endpoint.size, host, sizeof(host), port, sizeof(port),
                          NI_NUMERICHOST | NI_NUMERICSERV),
            0);
  return base::StrCat(host, ":", port);
}

// A UDP socket of `space`, bound if `address` is not empty or `port` not 0.
base::UniqueFd MakeSocket(const NetNamespace& space, const std::string& address, uint16_t port,
                          int family, const std::string& device) {
  base::UniqueFd fd;
  space.Run([&] {
    fd.Reset(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
    EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    if (!device.empty()) {
      EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                             static_cast<socklen_t>(device.size())),
                0);
    }
    const std::string any = family == AF_INET6 ? "::" : "0.0.0.0";
    Endpoint own = MakeEndpoint(address.empty() ? any : address, port);
    EXPECT_EQ(::bind(fd.get(), own.get(), own.size), 0) << address << ": " << errno;
  });
  return fd;
}

bool Readable(int fd, std::chrono::milliseconds wait) {
  pollfd poll{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&poll, 1, static_cast<int>(wait.count())) == 1 && (poll.revents & POLLIN) != 0;
}

}  // namespace

std::unique_ptr<NetNamespace> NetNamespace::Make() {
  base::UniqueFd fd;
  std::thread([&fd] {
    if (::unshare(CLONE_NEWNET) == 0) {
      fd.Reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }
  }).join();
  if (!fd.valid()) return nullptr;
  std::unique_ptr<NetNamespace> made(new NetNamespace(std::move(fd)));
  made->Ip("link set lo up");
  return made;
}

void NetNamespace::Run(const std::function<void()>& job) const {
  std::thread([this, &job] {
    ASSERT_EQ(::setns(fd_.get(), CLONE_NEWNET), 0);
    job();
  }).join();
}

void NetNamespace::Ip(const std::string& words) const {
  std::vector<std::string> argv = {"/usr/sbin/ip"};
  std::istringstream stream(words);
  for (std::string word; stream >> word;) argv.push_back(word);
  Run([&argv] { RunOrFail(argv); });
}

std::string NetNamespace::Path() const {
  return base::StrCat("/proc/", ::getpid(), "/fd/", fd_.get());
}

std::string RunOrFail(const std::vector<std::string>& argv) {
  const auto result = base::RunProgram(argv, kProgramTimeout);
  EXPECT_TRUE(result.ok()) << argv[0] << ": " << result.status();
  if (!result.ok()) return {};
  EXPECT_EQ(result->exit_code, 0) << ::testing::PrintToString(argv) << ": " << result->output;
  return result->output;
}

std::optional<std::string> SendProbe(const Probe& probe, Expect expect, bool* answered) {
  Endpoint target = MakeEndpoint(probe.to, probe.to_port);
  const int family = target.storage.ss_family;
  const base::UniqueFd receiver =
      MakeSocket(probe.receiver, probe.listen_on.empty() ? probe.to : probe.listen_on,
                 probe.listen_port == 0 ? probe.to_port : probe.listen_port, family, "");
  const base::UniqueFd sender =
      MakeSocket(probe.sender, probe.from, probe.from_port, family, probe.device);
  for (int tries = expect == Expect::kArrival ? 50 : 2; tries > 0; --tries) {
    // A send that the kernel refuses (no route, an ICMP answer of before) is silence too.
    (void)::sendto(sender.get(), "probe", 5, MSG_NOSIGNAL, target.get(), target.size);
    if (!Readable(receiver.get(), kTry)) continue;
    char data[16];
    Endpoint seen;
    EXPECT_EQ(::recvfrom(receiver.get(), data, sizeof(data), 0, seen.get(), &seen.size), 5);
    if (answered != nullptr) {
      EXPECT_EQ(::sendto(receiver.get(), "answer", 6, 0, seen.get(), seen.size), 6);
      *answered = Readable(sender.get(), kTry);
    }
    return ToString(seen);
  }
  return std::nullopt;
}

bool IsEchoed(const NetNamespace& sender, const std::string& to) {
  constexpr size_t kIpHeader = 20;
  // Echo request 0, sequence 0 and no data: with that type its checksum is this.
  const std::array<char, 8> request = {8, 0, static_cast<char>(0xF7), static_cast<char>(0xFF)};
  base::UniqueFd fd;
  sender.Run([&fd] { fd.Reset(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP)); });
  Endpoint target = MakeEndpoint(to, 0);
  EXPECT_EQ(::sendto(fd.get(), request.data(), request.size(), 0, target.get(), target.size), 8);
  std::array<char, 64> answer{};
  return Readable(fd.get(), 10 * kTry) && ::recv(fd.get(), answer.data(), answer.size(), 0) >= 28 &&
         answer[kIpHeader] == 0;
}

}  // namespace flatvm::integration
