// The program as its tests see it: words in; output, exit code and pauses out; an AdminHost at the
// other end.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "daemon/ctl/run_ctl.h"
#include "tests/unit/ctl/admin_host.h"

namespace flatvm::ctl {

inline grpc::Status ReasonAnswer(grpc::StatusCode code, v1::Reason reason) {
  v1::ErrorDetail detail;
  detail.set_reason(reason);
  return ErrorAnswer(code, "told so", detail);
}

class RunCtlTest : public testing::Test {
 protected:
  int Run(const std::string& line) {
    out_.str("");
    err_.str("");
    pauses_.clear();
    std::vector<std::string> args = absl::StrSplit(line, ' ', absl::SkipEmpty());
    args.insert(args.begin(), {"--socket", host_.socket_path()});
    return RunCtl(args, {.out = out_, .err = err_, .sleep = [this](auto pause) {
                           pauses_.push_back(pause);
                         }});
  }
  CannedAdmin& admin() { return host_.admin(); }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  AdminHost host_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::vector<std::chrono::milliseconds> pauses_;
};

constexpr const char* kAdd =
    "tenant add acme --primary acme-primary --memory 4GiB --vcpus 4 --vms 8 --disk 20GiB ";

}  // namespace flatvm::ctl
