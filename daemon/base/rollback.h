// Undo for multi-step work: steps push how to undo themselves; success releases the stack.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "daemon/base/log.h"

namespace flatvm::base {

// Runs its undo steps, newest first, when it goes, unless Release was called. An undo step is
// idempotent and may fail; that is logged, ending ", ignoring", and the rest still run.
// Thread-compatible.
class RollbackStack {
 public:
  RollbackStack(Logger& log, LogFields fields) : log_(log), fields_(std::move(fields)) {}
  RollbackStack(const RollbackStack&) = delete;
  RollbackStack& operator=(const RollbackStack&) = delete;
  ~RollbackStack();

  // `what` names the step for the journal.
  void Push(std::string what, std::function<absl::Status()> undo);

  // The work is done: forget every undo.
  void Release() { steps_.clear(); }

 private:
  struct Step {
    std::string what;
    std::function<absl::Status()> undo;
  };

  Logger& log_;
  const LogFields fields_;
  std::vector<Step> steps_;
};

}  // namespace flatvm::base
