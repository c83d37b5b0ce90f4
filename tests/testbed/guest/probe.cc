// probe: tries the broker's vsock port from inside a secondary and says exactly what happened, one
// line per attempt. A line is `source=privileged|any outcome=...`; outcomes: connected bytes=N,
// closed, reset, refused, timeout, error.
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kConnectTimeoutS = 3;
constexpr int kReadTimeoutMs = 3000;
// The opening of HTTP/2 with an empty SETTINGS frame: a server that takes us for a client answers
// with its own.
constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

bool BindPrivileged(int fd) {
  for (unsigned port = 1023; port > 512; --port) {
    sockaddr_vm local{};
    local.svm_family = AF_VSOCK;
    local.svm_cid = VMADDR_CID_ANY;
    local.svm_port = port;
    if (bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) == 0) return true;
  }
  return false;
}

const char* NameOf(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "refused";
    case ECONNRESET:
      return "reset";
    case ETIMEDOUT:
    case EAGAIN:
      return "timeout";
    default:
      return "error";
  }
}

void Try(unsigned cid, unsigned port, bool privileged) {
  printf("source=%s ", privileged ? "privileged" : "any");
  const int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    printf("outcome=error errno=%s (socket)\n", strerrorname_np(errno));
    return;
  }
  const timeval limit{kConnectTimeoutS, 0};
  setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &limit, sizeof limit);
  sockaddr_vm peer{};
  peer.svm_family = AF_VSOCK;
  peer.svm_cid = cid;
  peer.svm_port = port;
  if (privileged && !BindPrivileged(fd)) {
    printf("outcome=error errno=%s (bind)\n", strerrorname_np(errno));
  } else if (connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof peer) != 0) {
    printf("outcome=%s errno=%s (connect)\n", NameOf(errno), strerrorname_np(errno));
  } else {
    const ssize_t sent = send(fd, kPreface, sizeof kPreface - 1, MSG_NOSIGNAL);
    const int send_error = sent < 0 ? errno : 0;
    pollfd readable{fd, POLLIN, 0};
    char bytes[4096];
    const int ready = poll(&readable, 1, kReadTimeoutMs);
    const ssize_t got = ready > 0 ? recv(fd, bytes, sizeof bytes, 0) : 0;
    if (ready == 0)
      printf("outcome=timeout (connected, nothing said)\n");
    else if (got > 0)
      printf("outcome=connected bytes=%zd\n", got);
    else if (got == 0)
      printf("outcome=closed bytes=0 send=%s\n", send_error ? strerrorname_np(send_error) : "ok");
    else
      printf("outcome=%s errno=%s (read)\n", NameOf(errno), strerrorname_np(errno));
  }
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned cid =
      argc > 1 ? static_cast<unsigned>(strtoul(argv[1], nullptr, 10)) : VMADDR_CID_HOST;
  const unsigned port = argc > 2 ? static_cast<unsigned>(strtoul(argv[2], nullptr, 10)) : 710;
  Try(cid, port, true);
  Try(cid, port, false);
  return 0;
}
