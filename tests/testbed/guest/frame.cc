// frame: sends Ethernet frames as they are from inside a secondary that means harm. The frames are
// its argument, in hexadecimal, with a comma between two; before the first may be by what they are
// sent, such as "eth1:", else eth0. Says `sent N`, or what failed.
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
#include <string_view>
#include <vector>

namespace {

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Empty: it is none.
std::string Decode(std::string_view digits) {
  std::string frame;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    const int high = Digit(digits[i]);
    const int low = Digit(digits[i + 1]);
    if (high < 0 || low < 0) return "";
    frame.push_back(static_cast<char>(high << 4 | low));
  }
  return frame.size() < ETH_HLEN || frame.size() * 2 != digits.size() ? "" : frame;
}

int Fail(const char* what) {
  printf("%s: %s\n", what, strerrorname_np(errno));
  return 1;
}

bool Send(int fd, int interface, const std::string& frame) {
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = interface;
  to.sll_halen = ETH_ALEN;
  memcpy(to.sll_addr, frame.data(), ETH_ALEN);
  return sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                sizeof to) == static_cast<ssize_t>(frame.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::string_view rest = argc > 1 ? argv[1] : "";
  std::string by = "eth0";
  if (const size_t colon = rest.find(':'); colon != std::string_view::npos) {
    by = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  std::vector<std::string> frames;
  for (;;) {
    const size_t end = rest.find(',');
    frames.push_back(Decode(rest.substr(0, end)));
    if (frames.back().empty()) {
      puts("frames in lower-case hexadecimal, please");
      return 1;
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail("socket");
  const int interface = static_cast<int>(if_nametoindex(by.c_str()));
  if (interface == 0) return Fail("if_nametoindex");
  for (const std::string& frame : frames) {
    if (!Send(fd, interface, frame)) return Fail("sendto");
  }
  printf("sent %zu\n", frames.size());
  close(fd);
  return 0;
}
