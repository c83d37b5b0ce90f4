// Client's calls of the service Images.
#include <algorithm>
#include <optional>
#include <utility>

#include "guestlib/src/client_impl.h"
#include "guestlib/src/convert.h"
#include "guestlib/src/decode_error.h"
#include "guestlib/src/local_image.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using Stub = v1::Images::Stub;

// A stream is as long as this, so that a call's time bounds a silence and not the whole transfer.
constexpr milliseconds kStreamTime{5'000};
// Another client sends the same image, or what a lost connection still had was written after all.
constexpr int kMaxConflicts = 20;
constexpr milliseconds kConflictPause{500};
// What a host reads and digests in a second, at least.
constexpr uint64_t kDigestBytesPerSecond = uint64_t{8} << 20U;

template <typename Response>
Result<Image> Answer(CallOutcome outcome, const Response& response) {
  if (outcome.error.has_value()) return std::move(*outcome.error);
  return FromWire(response.image());
}

Error Stuck() {
  return {.code = Code::kInternal,
          .reason = Reason::kInternalError,
          .message = "the host takes no more bytes of the image, and does not say why"};
}

bool IsConflict(const CallOutcome& outcome) {
  return outcome.error.has_value() && outcome.error->code == Code::kAborted &&
         outcome.error->reason == Reason::kChangeInFlight;
}

}  // namespace

// One import after its digest, until the host has all of it.
class ClientImpl::Transfer {
 public:
  Transfer(ClientImpl& client, const ImportSpec& spec, const CallOptions& call,
           const LocalImage& local, v1::BeginImportRequest request)
      : client_(client), spec_(spec), call_(call), local_(local), request_(std::move(request)) {}

  // The image as far as it is: all bytes are there, or it is ready.
  Result<Image> Run() {
    int conflicts = 0;
    while (true) {
      CallLoop loop(client_.channel_, client_.surroundings_, client_.options_.retry);
      const uint64_t before = offset_;
      const CallOutcome outcome = loop.Run(
          [this](const Connection& connection, grpc::ClientContext* context) {
            return GoOn(*connection.images, context);
          },
          client_.TimeoutOf(call_));
      if (local_error_.has_value()) return *local_error_;
      if (!outcome.error.has_value() && IsWhole()) return FromWire(image_);
      if (outcome.error.has_value() && !IsConflict(outcome)) return *outcome.error;
      if (offset_ > before) {
        conflicts = 0;
        continue;
      }
      if (++conflicts > kMaxConflicts) return outcome.error.value_or(Stuck());
      client_.surroundings_.sleep(kConflictPause);
    }
  }

 private:
  bool IsWhole() const {
    return image_.state() == v1::IMAGE_READY || offset_ >= local_.size_bytes();
  }

  void Report(uint64_t done_bytes) const {
    if (!spec_.progress) return;
    spec_.progress({.stage = ImportStage::kSending,
                    .done_bytes = done_bytes,
                    .total_bytes = local_.size_bytes(),
                    .begun_at_bytes = begun_at_.value_or(0)});
  }

  // One stream, after the host was asked how far it is if that is not known.
  grpc::Status GoOn(Stub& stub, grpc::ClientContext* context) {
    if (!known_) {
      grpc::ClientContext begin;
      begin.set_deadline(context->deadline());
      v1::BeginImportResponse response;
      grpc::Status status = stub.BeginImport(&begin, request_, &response);
      if (!status.ok()) return status;
      image_ = response.image();
      offset_ = image_.received_bytes();
      if (!begun_at_.has_value()) begun_at_ = offset_;
      if (!IsWhole()) Report(offset_);
    }
    known_ = true;
    if (IsWhole()) return grpc::Status::OK;
    known_ = false;
    v1::WriteImageResponse response;
    const auto writer = stub.WriteImage(context, &response);
    Send(*writer, context);
    grpc::Status status = writer->Finish();
    if (!status.ok()) return status;
    offset_ = response.received_bytes();
    known_ = true;
    return status;
  }

  void Send(grpc::ClientWriter<v1::WriteImageRequest>& writer, grpc::ClientContext* context) {
    const SteadyTime end = client_.surroundings_.now() + kStreamTime;
    for (uint64_t at = offset_; at < local_.size_bytes() && client_.surroundings_.now() < end;) {
      Result<ImagePart> part = local_.Next(at);
      if (!part.ok()) {
        local_error_ = part.error();
        return context->TryCancel();
      }
      v1::WriteImageRequest request;
      request.set_image_id(image_.id());
      request.set_offset(at);
      request.set_zeros(part->zeros);
      at += part->length();
      request.set_data(std::move(part->data));
      if (!writer.Write(request)) return;  // Finish says why
      Report(at);
    }
    writer.WritesDone();
  }

  ClientImpl& client_;
  const ImportSpec& spec_;
  const CallOptions& call_;
  const LocalImage& local_;
  const v1::BeginImportRequest request_;
  v1::Image image_;
  bool known_ = false;  // offset_ is what the host has
  uint64_t offset_ = 0;
  std::optional<uint64_t> begun_at_;
  std::optional<Error> local_error_;
};

Result<Image> ClientImpl::ImportImage(const ImportSpec& spec, const CallOptions& call) {
  const Result<LocalImage> local = LocalImage::Open(spec.path);
  if (!local.ok()) return local.error();
  auto request = ChangeRequest<v1::BeginImportRequest>(call);
  request.set_image(spec.name);
  request.set_format(static_cast<v1::ImageFormat>(spec.format));
  request.set_size_bytes(local->size_bytes());
  const auto report = [&](ImportStage stage, uint64_t done_bytes) {
    if (!spec.progress) return;
    spec.progress({.stage = stage, .done_bytes = done_bytes, .total_bytes = local->size_bytes()});
  };
  if (call.validate_only) {
    v1::BeginImportResponse response;
    return Answer(Call(&Stub::BeginImport, request, &response, call), response);
  }
  Result<std::string> digest =
      local->Digest([&](uint64_t done) { report(ImportStage::kReading, done); });
  if (!digest.ok()) return digest.error();
  request.set_sha256(*std::move(digest));
  const Result<Image> sent = Transfer(*this, spec, call, *local, std::move(request)).Run();
  if (!sent.ok() || sent->state == ImageState::kReady) return sent;
  report(ImportStage::kChecking, local->size_bytes());
  return FinishImport(*sent, call);
}

Result<Image> ClientImpl::FinishImport(const Image& image, const CallOptions& call) {
  v1::FinishImportRequest request;
  request.set_request_id(RequestIdOf(call));
  request.set_image_id(image.id);
  const milliseconds reading = std::chrono::seconds(image.size_bytes / kDigestBytesPerSecond);
  const SteadyTime deadline = surroundings_.now() + TimeoutOf(call) + reading;
  while (true) {
    v1::FinishImportResponse response;
    CallOutcome outcome = Call(&Stub::FinishImport, request, &response, call);
    // It still reads; what it has read counts.
    if (!IsConflict(outcome) || surroundings_.now() + kConflictPause >= deadline) {
      return Answer(std::move(outcome), response);
    }
    surroundings_.sleep(kConflictPause);
  }
}

Result<Image> ClientImpl::RemoveImage(std::string_view name_or_id, const CallOptions& call) {
  auto request = ChangeRequest<v1::RemoveImageRequest>(call);
  request.set_image(std::string(name_or_id));
  v1::RemoveImageResponse response;
  CallOutcome outcome = Call(&Stub::RemoveImage, request, &response, call);
  if (outcome.error.has_value() && DoneBefore(outcome, Reason::kImageNotFound, call)) {
    return OnlyReference<Image>(name_or_id);
  }
  return Answer(std::move(outcome), response);
}

Result<std::vector<Image>> ClientImpl::ListImages(const CallOptions& call) {
  v1::ListImagesResponse response;
  CallOutcome outcome = Call(&Stub::ListImages, v1::ListImagesRequest(), &response, call);
  if (outcome.error.has_value()) return std::move(*outcome.error);
  std::vector<Image> images;
  for (const v1::Image& image : response.images()) images.push_back(FromWire(image));
  return images;
}

}  // namespace flatvm::guestlib
