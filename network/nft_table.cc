#include "network/nft_table.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/netlink/message.h"
#include "network/netlink/socket.h"

namespace flatvm::network {
namespace {

struct ContextDeleter {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

// Gives the calling thread a name for as long as it lives.
class ThreadName {
 public:
  explicit ThreadName(const char* name) {
    ::prctl(PR_GET_NAME, before_);
    ::prctl(PR_SET_NAME, name);
  }
  ThreadName(const ThreadName&) = delete;
  ThreadName& operator=(const ThreadName&) = delete;
  ~ThreadName() { ::prctl(PR_SET_NAME, before_); }

 private:
  char before_[16] = {};  // TASK_COMM_LEN
};

// The kernel's count of nftables' transactions, whoever's; nullopt: it does not say.
std::optional<uint32_t> ReadTransactions() {
  absl::StatusOr<netlink::Socket> socket = netlink::Socket::Open(NETLINK_NETFILTER);
  if (!socket.ok()) return std::nullopt;
  constexpr uint16_t kGetGeneration = NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_GETGEN;
  netlink::Message request(kGetGeneration, 0);
  request.Header(nfgenmsg{.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = 0});
  std::optional<uint32_t> count;
  const absl::StatusOr<int> error = socket->Ask(request, [&](const netlink::Received& answer) {
    const auto id = netlink::FindNumber(answer.Attributes(sizeof(nfgenmsg)), NFTA_GEN_ID);
    if (id) count = ntohl(*id);
  });
  return error.ok() && *error == 0 ? count : std::nullopt;
}

}  // namespace

void NftTable::Count(uint32_t ours) {
  const std::optional<uint32_t> now = ReadTransactions();
  if (!now || !transactions_ || *now - *transactions_ > ours) others_changed_ = true;
  transactions_ = now;
}

bool NftTable::TakeOthersChanges() {
  const std::lock_guard lock(mutex_);
  Count(0);
  return std::exchange(others_changed_, false);
}

absl::Status NftTable::Run(const std::string& commands) {
  return RunCounting(commands, 1).status();
}

absl::StatusOr<std::string> NftTable::Ask(const std::string& commands) {
  return RunCounting(commands, 0);
}

absl::StatusOr<std::string> NftTable::RunCounting(const std::string& commands,
                                                  uint32_t transactions) {
  const std::lock_guard lock(mutex_);
  const ThreadName name(kOwnThreadName);
  const std::unique_ptr<nft_ctx, ContextDeleter> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (context == nullptr) return base::InternalError("libnftables cannot be initialised");
  // Both are kept from standard output and error, where libnftables writes by itself.
  if (nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0) {
    return base::InternalError("libnftables cannot buffer its output");
  }
  Count(0);
  const int failed = nft_run_cmd_from_buffer(context.get(), commands.c_str());
  Count(failed == 0 ? transactions : 0);
  // Who ordered it may remember it as done.
  if (failed != 0) others_changed_ = true;
  if (failed == 0) {
    const char* const said = nft_ctx_get_output_buffer(context.get());
    return std::string(said == nullptr ? "" : said);
  }
  const char* const error = nft_ctx_get_error_buffer(context.get());
  return base::InternalError(base::StrCat("nftables refused a transaction: ",
                                          base::EscapeForLog(error == nullptr ? "" : error)));
}

}  // namespace flatvm::network
