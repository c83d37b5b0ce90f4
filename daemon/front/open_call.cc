#include "daemon/front/open_call.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "daemon/front/rpc_status.h"

namespace flatvm::front {
namespace {

constexpr std::string_view kService = "/flatvm.v1.SecondaryVms/";

// The unary methods. WatchVms streams, which this version does not do.
constexpr std::array<std::string_view, 6> kMethods = {"CreateVm", "ModifyVm", "DestroyVm",
                                                      "ShowVm",   "ListVms",  "GetTenant"};

// The method's bare name; empty: no method of ours.
std::string_view MethodName(std::string_view path) {
  if (!path.starts_with(kService)) return {};
  const std::string_view name = path.substr(kService.size());
  const auto* found = std::find(kMethods.begin(), kMethods.end(), name);
  return found == kMethods.end() ? std::string_view() : *found;
}

Outcome Unimplemented() {
  return Failure(absl::StatusCode::kUnimplemented, {.reason = base::Reason::kMethodUnimplemented},
                 "this version of the broker does not implement this method");
}

Outcome NoRequest() {
  return Failure(absl::StatusCode::kInvalidArgument, {.reason = base::Reason::kMessageMalformed},
                 "the call has no readable request");
}

std::chrono::milliseconds TimeLeft(std::chrono::system_clock::time_point deadline) {
  if (deadline == std::chrono::system_clock::time_point::max()) return {};
  const auto left = deadline - std::chrono::system_clock::now();
  // 0 would mean no deadline.
  return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(left),
                  std::chrono::milliseconds(1));
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  text.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    text.append(slice.begin(), slice.end());
  }
  return text;
}

}  // namespace

void OpenCall::Await() {
  owner_.service_.RequestCall(&context_, &stream_, owner_.queue_.get(), owner_.queue_.get(), this);
}

void OpenCall::Proceed(bool ok) {
  if (step_ == Step::kArrive && ok) return OnArrival();
  if (step_ == Step::kRead) return OnRequest(ok);
  delete this;
}

void OpenCall::OnArrival() {
  owner_.AwaitCall();
  method_ = MethodName(context_.method());
  if (method_.empty()) return Answer(Unimplemented());
  {
    const std::lock_guard lock(owner_.mutex_);
    if (!owner_.stopping_) {
      step_ = Step::kRead;
      return stream_.Read(&request_, this);
    }
  }
  delete this;
}

void OpenCall::OnRequest(bool ok) {
  // Also when gRPC refused a message of more than twice the limit; the client then has gRPC's own
  // RESOURCE_EXHAUSTED.
  if (!ok) return Answer(NoRequest());
  CallTable::Request request{.method = std::move(method_),
                             .bytes = ToString(request_),
                             .timeout = TimeLeft(context_.deadline())};
  request_.Clear();
  owner_.calls_.Start(std::move(request), [this](const Outcome& outcome) { Answer(outcome); });
}

void OpenCall::Answer(const Outcome& outcome) {
  const grpc::Status status = ToGrpcStatus(outcome);
  {
    const std::lock_guard lock(owner_.mutex_);
    if (!owner_.stopping_) {
      step_ = Step::kFinish;
      if (!status.ok()) return stream_.Finish(status, this);
      const grpc::Slice slice(outcome.response);
      return stream_.WriteAndFinish(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), status,
                                    this);
    }
  }
  delete this;
}

}  // namespace flatvm::front
