// frame: sends one Ethernet frame as it is, by eth0, from inside a secondary that means harm. The
// frame is its argument, in hexadecimal. Says `sent`, or what failed.
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

int Fail(const char* what) {
  printf("%s: %s\n", what, strerrorname_np(errno));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string digits = argc > 1 ? argv[1] : "";
  std::string frame;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    const int high = Digit(digits[i]);
    const int low = Digit(digits[i + 1]);
    if (high < 0 || low < 0) break;
    frame.push_back(static_cast<char>(high << 4 | low));
  }
  if (frame.size() < ETH_HLEN || frame.size() * 2 != digits.size()) {
    puts("a frame in lower-case hexadecimal, please");
    return 1;
  }
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail("socket");
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(if_nametoindex("eth0"));
  to.sll_halen = ETH_ALEN;
  memcpy(to.sll_addr, frame.data(), ETH_ALEN);
  const ssize_t sent =
      sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  if (sent != static_cast<ssize_t>(frame.size())) return Fail("sendto");
  puts("sent");
  close(fd);
  return 0;
}
