#include "daemon/gate/systemd_fd_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "daemon/base/packet_socket.h"

namespace flatvm::gate {
namespace {

// The socket that systemd would listen on for notifications, in the abstract namespace.
class SystemdFdStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    socket_.Reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "@flatvm-fd-store-test-" + std::to_string(::getpid());
    std::memcpy(address.sun_path, name.data(), name.size());
    address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  void TearDown() override { ::unsetenv("NOTIFY_SOCKET"); }

  base::UniqueFd socket_;
  SystemdFdStore store_;
};

TEST_F(SystemdFdStoreTest, SendsTheDescriptorUnderItsName) {
  const base::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(store_.Put("front-acme", file.get()).ok());
  base::Packet packet;
  ASSERT_EQ(base::ReceivePacket(socket_.get(), base::Descriptors::kAllowOne, &packet),
            base::ReceiveResult::kPacket);
  EXPECT_EQ(packet.bytes, "FDSTORE=1\nFDNAME=front-acme");
  EXPECT_TRUE(packet.descriptor.valid());
}

TEST_F(SystemdFdStoreTest, TakesOutByName) {
  ASSERT_TRUE(store_.Remove("front-acme").ok());
  base::Packet packet;
  ASSERT_EQ(base::ReceivePacket(socket_.get(), base::Descriptors::kAllowOne, &packet),
            base::ReceiveResult::kPacket);
  EXPECT_EQ(packet.bytes, "FDSTOREREMOVE=1\nFDNAME=front-acme");
}

TEST_F(SystemdFdStoreTest, IsNoErrorWithoutAServiceManager) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(store_.Put("front-acme", 0).ok());
  EXPECT_TRUE(store_.Remove("front-acme").ok());
}

TEST(TakeInheritedFds, IsEmptyWithoutAServiceManager) {
  ::unsetenv("LISTEN_FDS");
  const auto fds = TakeInheritedFds();
  ASSERT_TRUE(fds.ok()) << fds.status();
  EXPECT_TRUE(fds->empty());
}

// In a child, as the descriptors have fixed numbers.
TEST(TakeInheritedFds, NamesAndOwnsWhatSystemdPassed) {
  EXPECT_EXIT(
      {
        const int first = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        ::dup2(first, 3);
        ::dup2(first, 4);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        ::setenv("LISTEN_FDS", "2", 1);
        ::setenv("LISTEN_FDNAMES", "vsock:front-acme", 1);
        const auto fds = TakeInheritedFds();
        const bool good = fds.ok() && fds->size() == 2 && (*fds)[0].name == "vsock" &&
                          (*fds)[0].fd.get() == 3 && (*fds)[1].name == "front-acme" &&
                          (*fds)[1].fd.get() == 4 && ::getenv("LISTEN_FDS") == nullptr &&
                          (::fcntl(4, F_GETFD) & FD_CLOEXEC) != 0;
        ::_exit(good ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace flatvm::gate
