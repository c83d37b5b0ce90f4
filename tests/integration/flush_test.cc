// Frames through flushes of all of nftables: nothing that must not pass does, not even until the
// table is back.
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "network/filter_watch.h"
#include "network/kernel_network.h"
#include "tests/fakes/fake_log.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

constexpr int kFlushes = 30;
constexpr std::chrono::milliseconds kBetween{40};
constexpr size_t kIpProtocol = ETH_HLEN + 9;
constexpr size_t kIpSource = ETH_HLEN + 12;

// Counts UDP datagrams that come to a machine, until it goes. (ICMP errors for what was sent out
// may come in.)
class Sniffer {
 public:
  explicit Sniffer(const NetNamespace& machine) {
    machine.Run([this] {
      socket_.Reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP)));
    });
    EXPECT_TRUE(socket_.valid());
    thread_ = std::thread([this] { Run(); });
  }
  Sniffer(const Sniffer&) = delete;
  Sniffer& operator=(const Sniffer&) = delete;
  ~Sniffer() {
    stop_ = true;
    thread_.join();
  }

  int private_frames() const { return private_; }
  int other_frames() const { return other_; }

 private:
  void Run() {
    std::array<uint8_t, 128> frame{};
    pollfd wait{.fd = socket_.get(), .events = POLLIN};
    while (!stop_) {
      ::poll(&wait, 1, 10);
      sockaddr_ll from{};
      socklen_t size = sizeof(from);
      while (::recvfrom(socket_.get(), frame.data(), frame.size(), 0,
                        reinterpret_cast<sockaddr*>(&from), &size) > 0) {
        if (from.sll_pkttype == PACKET_OUTGOING || frame[kIpProtocol] != IPPROTO_UDP) continue;
        (frame[kIpSource] == 10 && frame[kIpSource + 1] == 213 ? private_ : other_)++;
      }
    }
  }

  base::UniqueFd socket_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> private_ = 0;
  std::atomic<int> other_ = 0;
  std::thread thread_;
};

// Sends datagrams to an address, one after the other, until it goes.
class Flood {
 public:
  Flood(const NetNamespace& machine, const std::string& to) {
    machine.Run([&] {
      socket_.Reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(kPort);
      address.sin_addr.s_addr = htonl(network::ParseIpv4Address("test", to)->value);
      EXPECT_EQ(
          ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
          0);
    });
    thread_ = std::thread([this] {
      while (!stop_) {
        ::send(socket_.get(), "x", 1, 0);
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    });
  }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  ~Flood() {
    stop_ = true;
    thread_.join();
  }

 private:
  base::UniqueFd socket_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class FlushTest : public TwoTenants {
 protected:
  // Sends from web to everywhere while the ruleset is flushed again and again.
  void FlushUnderFire() {
    const Flood to_rival(*web_, "10.213.5.2");
    const Flood to_host(*web_, "192.0.2.1");
    const Flood out(*web_, "192.0.2.2");
    const Flood in(*outside_, "10.213.4.2");
    for (int i = 0; i < kFlushes; ++i) {
      std::this_thread::sleep_for(kBetween);
      Load("flush ruleset");
    }
    std::this_thread::sleep_for(kBetween);
  }

  fakes::FakeLog log_;
  network::KernelNetwork kernel_{{.uplink = "up0",
                                  .pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"),
                                  .counts_path = "/no/bpf/counts"},
                                 log_};
};

TEST_F(FlushTest, OpensNothingWhileTheTableIsGone) {
  outside_->Ip("route add 10.213.4.0/24 via 192.0.2.1");
  host_->Run([&] {
    for (const network::Ipv4Subnet& tenant : {kAcme, kGlobex}) {
      ASSERT_EQ(kernel_.EnsureFilter(SpecOf(tenant)), absl::OkStatus());
    }
  });
  {
    const Sniffer rival(*rival_);
    FlushUnderFire();
    ASSERT_GT(rival.private_frames(), 0) << "without guards it is open, or this shows nothing";
  }
  std::unique_ptr<network::FilterWatch> watch;
  host_->Run([&] { watch = *network::FilterWatch::Start(kernel_, log_); });
  const absl::Status guarded = Guard(kernel_, {SpecOf(kAcme), SpecOf(kGlobex)});
  if (!guarded.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << guarded;
  const Sniffer web(*web_), rival(*rival_), outside(*outside_);
  FlushUnderFire();
  EXPECT_EQ(rival.private_frames(), 0) << "from tenant to tenant";
  EXPECT_EQ(outside.private_frames(), 0) << "not translated";
  EXPECT_GT(outside.other_frames(), 0) << "translated, as the table came back each time";
  EXPECT_EQ(web.other_frames(), 0) << "from outside";
}

}  // namespace
}  // namespace flatvm::integration
