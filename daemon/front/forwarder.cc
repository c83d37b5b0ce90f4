#include "daemon/front/forwarder.h"

#include <chrono>

#include "daemon/front/open_call.h"
#include "grpc/support/log.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_posix.h"

namespace flatvm::front {
namespace {

constexpr int kMaxStreamsPerConnection = 64;
constexpr int kMaxMetadataBytes = 8 * 1024;
// Sooner than the frame guard's 30 s, so that a well-behaved client is told to go (GOAWAY) before
// it is cut off.
constexpr int kIdleMs = 20'000;
constexpr size_t kQuotaBytes = size_t{32} * 1024 * 1024;  // half of what the front's unit may have

void Configure(grpc::ServerBuilder* builder) {
  // Up to here we answer with our own MESSAGE_TOO_LARGE; beyond it gRPC does not even read the
  // message.
  builder->SetMaxReceiveMessageSize(2 * static_cast<int>(kMaxRequestBytes));
  builder->SetMaxSendMessageSize(static_cast<int>(kMaxResponseBytes));
  // No compression: 64 KiB could unfold to 64 MiB.
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder->AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder->AddChannelArgument(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0);
  grpc::ResourceQuota quota("front");
  quota.Resize(kQuotaBytes);
  builder->SetResourceQuota(quota);
}

}  // namespace

void SilenceGrpc() {
  ::gpr_set_log_function([](gpr_log_func_args* /*line*/) {});
}

Forwarder::Forwarder(CallTable& calls) : calls_(calls) {
  grpc::ServerBuilder builder;
  Configure(&builder);
  builder.RegisterAsyncGenericService(&service_);
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  AwaitCall();
  thread_ = std::thread([this] { Run(); });
}

Forwarder::~Forwarder() {
  // What waits for flatvmd is nobody's operation: it has to end before gRPC does.
  calls_.Close();
  server_->Shutdown(std::chrono::system_clock::now());
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_->Shutdown();
  }
  thread_.join();
}

void Forwarder::Serve(base::UniqueFd connection) {
  grpc::AddInsecureChannelFromFd(server_.get(), connection.Release());
}

void Forwarder::AwaitCall() {
  const std::lock_guard lock(mutex_);
  if (!stopping_) (new OpenCall(*this))->Await();
}

void Forwarder::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) static_cast<OpenCall*>(tag)->Proceed(ok);
}

}  // namespace flatvm::front
