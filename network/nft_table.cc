#include "network/nft_table.h"

#include <nftables/libnftables.h>
#include <sys/prctl.h>

#include <memory>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

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

}  // namespace

absl::Status NftTable::Run(const std::string& commands) { return Ask(commands).status(); }

absl::StatusOr<std::string> NftTable::Ask(const std::string& commands) {
  const std::lock_guard lock(mutex_);
  const ThreadName name(kOwnThreadName);
  const std::unique_ptr<nft_ctx, ContextDeleter> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (context == nullptr) return base::InternalError("libnftables cannot be initialised");
  // Both are kept from standard output and error, where libnftables writes by itself.
  if (nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0) {
    return base::InternalError("libnftables cannot buffer its output");
  }
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0) {
    const char* const said = nft_ctx_get_output_buffer(context.get());
    return std::string(said == nullptr ? "" : said);
  }
  const char* const error = nft_ctx_get_error_buffer(context.get());
  return base::InternalError(base::StrCat("nftables refused a transaction: ",
                                          base::EscapeForLog(error == nullptr ? "" : error)));
}

}  // namespace flatvm::network
