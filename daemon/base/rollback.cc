#include "daemon/base/rollback.h"

#include "daemon/base/str_cat.h"

namespace flatvm::base {

RollbackStack::~RollbackStack() {
  while (!steps_.empty()) {
    const Step step = std::move(steps_.back());
    steps_.pop_back();
    if (const absl::Status status = step.undo(); !status.ok()) {
      log_.Log(LogLevel::kWarning,
               StrCat("undo of ", step.what, " failed: ", Message(status), ", ignoring"), fields_);
    }
  }
}

void RollbackStack::Push(std::string what, std::function<absl::Status()> undo) {
  steps_.push_back(Step{std::move(what), std::move(undo)});
}

}  // namespace flatvm::base
