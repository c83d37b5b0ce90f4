#include "daemon/app/journal_logger.h"

#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/str_cat.h"

namespace flatvm::app {

void JournalLogger::Log(base::LogLevel level, std::string_view message,
                        const base::LogFields& fields) {
  const std::array<std::pair<std::string_view, const std::string*>, 9> pairs = {{
      {"FLATVM_REQUEST=", &fields.request},
      {"FLATVM_TENANT=", &fields.tenant},
      {"FLATVM_VM=", &fields.vm},
      {"FLATVM_VOLUME=", &fields.volume},
      {"FLATVM_IMAGE=", &fields.image},
      {"FLATVM_OP=", &fields.op},
      {"FLATVM_CODE=", &fields.code},
      {"FLATVM_REASON=", &fields.reason},
      {"FLATVM_MS=", &fields.ms},
  }};
  std::vector<std::string> lines = {base::StrCat("MESSAGE=", message),
                                    base::StrCat("PRIORITY=", static_cast<int>(level)),
                                    "SYSLOG_IDENTIFIER=flatvmd"};
  for (const auto& [key, value] : pairs) {
    if (!value->empty()) lines.push_back(base::StrCat(key, *value));
  }
  std::vector<iovec> vectors;
  vectors.reserve(lines.size());
  for (std::string& line : lines) {
    vectors.push_back(iovec{.iov_base = line.data(), .iov_len = line.size()});
  }
  if (sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size())) < 0) {
    fallback_.Log(level, message, fields);
  }
}

}  // namespace flatvm::app
