#include "daemon/front/open_call.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "daemon/front/rpc_status.h"

namespace flatvm::front {
namespace {

struct Method {
  std::string_view path;
  bool streams = false;  // requests; no method streams responses
};

// The methods of the services for primaries.
constexpr std::array kMethods = {
    Method{"/flatvm.v1.SecondaryVms/CreateVm"},   Method{"/flatvm.v1.SecondaryVms/ModifyVm"},
    Method{"/flatvm.v1.SecondaryVms/DestroyVm"},  Method{"/flatvm.v1.SecondaryVms/ShowVm"},
    Method{"/flatvm.v1.SecondaryVms/ListVms"},    Method{"/flatvm.v1.SecondaryVms/GetTenant"},
    Method{"/flatvm.v1.Volumes/CreateVolume"},    Method{"/flatvm.v1.Volumes/AttachVolume"},
    Method{"/flatvm.v1.Volumes/DetachVolume"},    Method{"/flatvm.v1.Volumes/ResizeVolume"},
    Method{"/flatvm.v1.Volumes/DeleteVolume"},    Method{"/flatvm.v1.Volumes/ShowVolume"},
    Method{"/flatvm.v1.Volumes/ListVolumes"},     Method{"/flatvm.v1.Images/BeginImport"},
    Method{"/flatvm.v1.Images/WriteImage", true}, Method{"/flatvm.v1.Images/FinishImport"},
    Method{"/flatvm.v1.Images/RemoveImage"},      Method{"/flatvm.v1.Images/ListImages"}};

// Null: no method of ours.
const Method* FindMethod(std::string_view path) {
  const auto* found = std::find_if(kMethods.begin(), kMethods.end(),
                                   [path](const Method& method) { return method.path == path; });
  return found == kMethods.end() ? nullptr : found;
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
  const Method* method = FindMethod(context_.method());
  if (method == nullptr) return Answer(Unimplemented());
  // The bare name, which no two services share.
  method_ = method->path.substr(method->path.rfind('/') + 1);
  streams_ = method->streams;
  ReadNext();
}

void OpenCall::ReadNext() {
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
  // A stream's end, or no request at all; also when gRPC refused a message of more than twice the
  // limit: the client then has gRPC's own RESOURCE_EXHAUSTED.
  if (!ok) return Answer(last_.has_value() ? *last_ : NoRequest());
  CallTable::Request request{
      .method = method_, .bytes = ToString(request_), .timeout = TimeLeft(context_.deadline())};
  request_.Clear();
  owner_.calls_.Start(std::move(request),
                      [this](Outcome outcome) { OnOutcome(std::move(outcome)); });
}

void OpenCall::OnOutcome(Outcome outcome) {
  if (!streams_ || outcome.code != 0) return Answer(outcome);
  last_ = std::move(outcome);
  ReadNext();
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
