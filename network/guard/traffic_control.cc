#include "network/guard/traffic_control.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "daemon/base/error.h"

namespace flatvm::guard {
namespace {

// The first to be asked, so that nobody's filter has let a frame through before.
constexpr uint32_t kPriority = 1;
constexpr uint32_t kHandle = 1;
constexpr uint32_t kMinorBits = 16;
constexpr char kKind[] = "bpf";

uint32_t ParentOf(Way way) {
  return TC_H_MAKE(TC_H_CLSACT, way == Way::kIn ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

tcmsg Filter(uint32_t interface, Way way) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(interface);
  header.tcm_parent = ParentOf(way);
  header.tcm_handle = kHandle;
  header.tcm_info = kPriority << kMinorBits | htons(ETH_P_ALL);
  return header;
}

}  // namespace

absl::StatusOr<TrafficControl> TrafficControl::Open() {
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  return TrafficControl(std::move(socket));
}

absl::Status TrafficControl::EnsureClsact(uint32_t interface) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(interface);
  header.tcm_parent = TC_H_CLSACT;
  header.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  netlink::Message request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
  request.Header(header).Text(TCA_KIND, "clsact");
  FLATVM_ASSIGN_OR_RETURN(const int error, socket_.Ask(request));
  if (error == 0 || error == EEXIST) return absl::OkStatus();
  return base::ErrnoError(error, "adding the qdisc clsact");
}

absl::StatusOr<std::string> TrafficControl::FindProgram(uint32_t interface, Way way) {
  netlink::Message request(RTM_GETTFILTER, NLM_F_DUMP);
  tcmsg header = Filter(interface, way);
  header.tcm_handle = 0;
  request.Header(header);
  std::string name;
  FLATVM_RETURN_IF_ERROR(socket_.Dump(request, [&name](const netlink::Received& message) {
    const std::string_view attributes = message.Attributes(sizeof(tcmsg));
    if (message.As<tcmsg>().tcm_handle != kHandle) return;
    if (netlink::FindText(attributes, TCA_KIND) != kKind) return;
    const auto options = netlink::FindAttribute(attributes, TCA_OPTIONS);
    if (options) name = netlink::FindText(*options, TCA_BPF_NAME);
  }));
  return name;
}

absl::Status TrafficControl::AttachProgram(uint32_t interface, Way way, int program,
                                           const std::string& name) {
  netlink::Message request(RTM_NEWTFILTER, NLM_F_CREATE);
  request.Header(Filter(interface, way)).Text(TCA_KIND, kKind);
  const size_t options = request.Begin(TCA_OPTIONS);
  request.Number(TCA_BPF_FD, static_cast<uint32_t>(program))
      .Text(TCA_BPF_NAME, name)
      .Number(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT)
      .End(options);
  return socket_.Demand(request, "attaching a program of the guard");
}

absl::Status TrafficControl::DetachProgram(uint32_t interface, Way way) {
  netlink::Message request(RTM_DELTFILTER, 0);
  request.Header(Filter(interface, way)).Text(TCA_KIND, kKind);
  FLATVM_ASSIGN_OR_RETURN(const int error, socket_.Ask(request));
  // ENODEV: no such interface. EINVAL: no clsact on it. ENOENT: no such filter.
  const bool gone = error == 0 || error == ENODEV || error == EINVAL || error == ENOENT;
  return gone ? absl::OkStatus() : base::ErrnoError(error, "detaching a program of the guard");
}

}  // namespace flatvm::guard
