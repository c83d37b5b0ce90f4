// The properties of a StartTransientUnit call, as the fake of systemd's manager reads them.
#pragma once

#include <fcntl.h>
#include <systemd/sd-bus.h>

#include <map>
#include <string>

#include "daemon/base/unique_fd.h"

namespace flatvm::gate {

// Into `properties` the D-Bus type of each, simple values as "type value"; into `link` the last
// descriptor among them. false if the call is not as it should be.
inline bool ReadProperties(sd_bus_message* call, std::map<std::string, std::string>* properties,
                           base::UniqueFd* link) {
  properties->clear();
  if (::sd_bus_message_enter_container(call, 'a', "(sv)") < 0) return false;
  while (::sd_bus_message_enter_container(call, 'r', "sv") > 0) {
    const char* name = nullptr;
    const char* type = nullptr;
    ::sd_bus_message_read(call, "s", &name);
    ::sd_bus_message_peek_type(call, nullptr, &type);
    std::string text = type;
    const char* word = nullptr;
    int fd = -1;
    if (text == "s" && ::sd_bus_message_read(call, "v", "s", &word) >= 0) {
      text += std::string(" ") + word;
    } else if (text == "h" && ::sd_bus_message_read(call, "v", "h", &fd) >= 0) {
      link->Reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    } else if (::sd_bus_message_skip(call, "v") < 0) {
      return false;
    }
    (*properties)[name] = text;
    ::sd_bus_message_exit_container(call);
  }
  return ::sd_bus_message_exit_container(call) >= 0 &&
         ::sd_bus_message_skip(call, "a(sa(sv))") >= 0 && ::sd_bus_message_at_end(call, 1) > 0;
}

}  // namespace flatvm::gate
