// udp_echo PORT: sends each datagram back to where it came from, IPv4 and IPv6, for ever.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  const int port = argc > 1 ? atoi(argv[1]) : 0;
  const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 own{};
  own.sin6_family = AF_INET6;
  own.sin6_port = htons(static_cast<in_port_t>(port));
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
    fprintf(stderr, "udp_echo: port %d: %s\n", port, strerror(errno));
    return 1;
  }
  for (;;) {
    char bytes[65536];
    sockaddr_in6 peer{};
    socklen_t size = sizeof peer;
    auto* address = reinterpret_cast<sockaddr*>(&peer);
    const ssize_t got = recvfrom(fd, bytes, sizeof bytes, 0, address, &size);
    if (got >= 0) sendto(fd, bytes, static_cast<size_t>(got), 0, address, size);
  }
}
