#include "daemon/rpc/operation.h"

#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/exit_code.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"

namespace flatvm::rpc {

Operation::Operation(base::Logger& log, const base::Clock& clock, std::string op,
                     const std::string& tenant, const std::string& request_id)
    : log_(log), clock_(clock), start_(clock.Steady()) {
  const bool usable = !request_id.empty() && base::CheckRequestId(request_id).ok();
  fields_.request = usable ? request_id : base::NewUuid();
  fields_.op = std::move(op);
  fields_.tenant = base::EscapeForLog(tenant, base::kMaxNameLength);
}

void Operation::SetVm(const std::string& vm) {
  fields_.vm = base::EscapeForLog(vm, base::kMaxNameLength);
}

void Operation::SetVolume(const std::string& volume) {
  fields_.volume = base::EscapeForLog(volume, base::kMaxNameLength);
}

void Operation::SetImage(const std::string& image) {
  fields_.image = base::EscapeForLog(image, base::kMaxNameLength);
}

void Operation::Finish(const absl::Status& status) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Steady() - start_);
  fields_.ms = base::StrCat(took.count());
  fields_.code = base::CodeName(static_cast<int>(status.code()));
  if (status.ok()) {
    log_.Log(base::LogLevel::kInfo, base::StrCat(fields_.op, " done"), fields_);
    return;
  }
  fields_.reason = base::StrCat(static_cast<int>(base::GetErrorInfo(status).reason));
  const bool ours = status.code() == absl::StatusCode::kInternal;
  log_.Log(ours ? base::LogLevel::kError : base::LogLevel::kInfo,
           base::StrCat(fields_.op, " failed: ", base::EscapeForLog(base::Message(status), 1000)),
           fields_);
}

}  // namespace flatvm::rpc
