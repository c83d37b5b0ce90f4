// A library for LD_PRELOAD: the program's netlink sockets are in no multicast group, so that the
// kernel does not wake it for each address and route that comes or goes. dnsmasq asks for these
// groups whatever it is told, does without them where it is refused (netlink_init() binds again,
// to none, for EPERM), and what it serves is there before it starts. With 200 networks each new one
// woke 200 dnsmasqs, some times. Why so: ADR 17.
#include <dlfcn.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>

extern "C" int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  using Bind = int (*)(int, const sockaddr*, socklen_t);
  static const Bind next = reinterpret_cast<Bind>(::dlsym(RTLD_NEXT, "bind"));
  if (address != nullptr && address->sa_family == AF_NETLINK && size >= sizeof(sockaddr_nl) &&
      reinterpret_cast<const sockaddr_nl*>(address)->nl_groups != 0) {
    errno = EPERM;
    return -1;
  }
  return next(fd, address, size);
}
