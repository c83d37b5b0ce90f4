#include "daemon/base/rollback.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"

namespace flatvm::base {
namespace {

class RecordingLogger final : public Logger {
 public:
  using Logger::Log;
  void Log(LogLevel level, std::string_view message, const LogFields& fields) override {
    EXPECT_EQ(level, LogLevel::kWarning);
    EXPECT_EQ(fields.tenant, "acme");
    lines.emplace_back(message);
  }
  std::vector<std::string> lines;
};

struct Trace {
  RecordingLogger log;
  std::vector<std::string> undone;

  std::function<absl::Status()> Undo(const std::string& what, absl::Status result) {
    return [this, what, result] {
      undone.push_back(what);
      return result;
    };
  }
};

TEST(RollbackStack, UndoesNewestFirst) {
  Trace trace;
  {
    RollbackStack undo(trace.log, {.tenant = "acme"});
    undo.Push("disk", trace.Undo("disk", absl::OkStatus()));
    undo.Push("lease", trace.Undo("lease", absl::OkStatus()));
  }
  EXPECT_THAT(trace.undone, testing::ElementsAre("lease", "disk"));
  EXPECT_THAT(trace.log.lines, testing::IsEmpty());
}

TEST(RollbackStack, LogsAFailingUndoAndGoesOn) {
  Trace trace;
  {
    RollbackStack undo(trace.log, {.tenant = "acme"});
    undo.Push("disk", trace.Undo("disk", absl::OkStatus()));
    undo.Push("lease", trace.Undo("lease", InternalError("no network")));
  }
  EXPECT_THAT(trace.undone, testing::ElementsAre("lease", "disk"));
  EXPECT_THAT(trace.log.lines, testing::ElementsAre("undo of lease failed: no network, ignoring"));
}

TEST(RollbackStack, DoesNothingOnceReleased) {
  Trace trace;
  {
    RollbackStack undo(trace.log, {.tenant = "acme"});
    undo.Push("disk", trace.Undo("disk", absl::OkStatus()));
    undo.Release();
  }
  EXPECT_THAT(trace.undone, testing::IsEmpty());
}

}  // namespace
}  // namespace flatvm::base
