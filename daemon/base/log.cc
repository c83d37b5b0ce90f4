#include "daemon/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/base/str_cat.h"

namespace flatvm::base {

void StderrLogger::Log(LogLevel level, std::string_view message, const LogFields& fields) {
  std::string line = StrCat("<", static_cast<int>(level), ">", message);
  const std::array<std::pair<std::string_view, const std::string*>, 9> pairs = {
      {{"request", &fields.request},
       {"tenant", &fields.tenant},
       {"vm", &fields.vm},
       {"volume", &fields.volume},
       {"image", &fields.image},
       {"op", &fields.op},
       {"code", &fields.code},
       {"reason", &fields.reason},
       {"ms", &fields.ms}}};
  for (const auto& [key, value] : pairs) {
    if (!value->empty()) StrAppend(&line, " ", key, "=", *value);
  }
  // A library's text may have several lines; a second one would have no priority and no fields.
  std::replace(line.begin(), line.end(), '\n', ' ');
  line.push_back('\n');
  // One write, so that lines of several threads do not mix; a log that cannot be written has
  // nowhere to say so.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace flatvm::base
