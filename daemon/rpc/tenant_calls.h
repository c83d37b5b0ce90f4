// The calls of primaries on the daemon's side: a call as bytes in, an answer as bytes out. Knows no
// gRPC and decides nothing. The tenant is the connection's, whatever the bytes say.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/broker/caller_check.h"
#include "daemon/rpc/operation.h"
#include "google/protobuf/message.h"

namespace flatvm::rpc {

// What goes back to the front.
struct Answer {
  int code = 0;          // google.rpc.Code
  std::string message;   // public text
  std::string detail;    // serialized flatvm.v1.ErrorDetail; empty when code is 0
  std::string response;  // serialized response message
};

// Which calls of a method have a line in the journal.
enum class LogOf { kAll, kFailures };

// The methods of all services that are served to primaries, by name; no two services have a method
// of one name. Thread-safe once every method is added.
class TenantCalls {
 public:
  TenantCalls(broker::CallerCheck& callers, base::Logger& log, const base::Clock& clock)
      : callers_(callers), log_(log), clock_(clock) {}

  // `handler` of `service` is called by many threads, and may block.
  template <typename Service, typename Request, typename Response>
  void Add(const std::string& method, Service* service,
           absl::StatusOr<Response> (Service::*handler)(const std::string& tenant, const Request&),
           LogOf log = LogOf::kAll) {
    methods_[method] = [this, method, service, handler, log](const std::string& tenant,
                                                             const std::string& bytes) {
      Request request;
      const bool parsed = request.ParseFromString(bytes);
      Response response;
      return Serve(tenant, {method, log}, parsed, request, &response, [&]() -> absl::Status {
        absl::StatusOr<Response> result = (service->*handler)(tenant, request);
        if (!result.ok()) return result.status();
        response = *std::move(result);
        return absl::OkStatus();
      });
    };
  }

  // `method` and `request` may be anything. Parses, confirms the caller, calls, logs, serializes;
  // blocks for as long as the broker does.
  Answer Handle(const std::string& tenant, const std::string& method, const std::string& request);

 private:
  struct Method {
    const std::string& name;
    LogOf log;
  };

  Answer Serve(const std::string& tenant, const Method& method, bool parsed,
               const google::protobuf::Message& request, google::protobuf::Message* response,
               const std::function<absl::Status()>& call);

  broker::CallerCheck& callers_;
  base::Logger& log_;
  const base::Clock& clock_;
  std::map<std::string, std::function<Answer(const std::string&, const std::string&)>> methods_;
};

}  // namespace flatvm::rpc
