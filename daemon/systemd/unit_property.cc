#include "daemon/systemd/unit_property.h"

#include <sys/mount.h>

#include <cerrno>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::systemd {
namespace {

// One overload a D-Bus type; each answers 0 or more, or -errno.
struct ValueAppender {
  sd_bus_message* message;

  int operator()(bool value) const {
    return ::sd_bus_message_append(message, "v", "b", value ? 1 : 0);
  }
  int operator()(int32_t value) const { return ::sd_bus_message_append(message, "v", "i", value); }
  int operator()(uint32_t value) const { return ::sd_bus_message_append(message, "v", "u", value); }
  int operator()(uint64_t value) const { return ::sd_bus_message_append(message, "v", "t", value); }
  int operator()(const std::string& value) const {
    return ::sd_bus_message_append(message, "v", "s", value.c_str());
  }
  int operator()(const std::vector<std::string>& value) const {
    int result = ::sd_bus_message_open_container(message, 'v', "as");
    if (result >= 0) result = AppendNames(message, value);
    return result < 0 ? result : ::sd_bus_message_close_container(message);
  }
  int operator()(const FilterList& value) const {
    int result = ::sd_bus_message_open_container(message, 'v', "(bas)");
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'r', "bas");
    if (result >= 0) result = ::sd_bus_message_append(message, "b", value.allow ? 1 : 0);
    if (result >= 0) result = AppendNames(message, value.names);
    if (result >= 0) result = ::sd_bus_message_close_container(message);
    return result < 0 ? result : ::sd_bus_message_close_container(message);
  }
  int operator()(const ExecCommand& value) const {
    if (value.argv.empty()) return -EINVAL;
    int result = ::sd_bus_message_open_container(message, 'v', "a(sasb)");
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'a', "(sasb)");
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'r', "sasb");
    if (result >= 0) result = ::sd_bus_message_append(message, "s", value.argv.front().c_str());
    if (result >= 0) result = AppendNames(message, value.argv);
    if (result >= 0) result = ::sd_bus_message_append(message, "b", 0);  // a failure is one
    for (int i = 0; i < 3 && result >= 0; ++i) result = ::sd_bus_message_close_container(message);
    return result;
  }
  int operator()(const Handle& value) const {
    return ::sd_bus_message_append(message, "v", "h", value.fd);
  }
  int operator()(const CpuSet& value) const {
    std::vector<uint8_t> mask;
    for (const uint32_t cpu : value.cpus) {
      if (mask.size() <= cpu / 8) mask.resize(cpu / 8 + 1);
      mask[cpu / 8] = static_cast<uint8_t>(mask[cpu / 8] | (1U << (cpu % 8)));
    }
    int result = ::sd_bus_message_open_container(message, 'v', "ay");
    if (result >= 0) {
      result = ::sd_bus_message_append_array(message, 'y', mask.data(), mask.size());
    }
    return result < 0 ? result : ::sd_bus_message_close_container(message);
  }
  int operator()(const DeviceLimits& value) const {
    int result = ::sd_bus_message_open_container(message, 'v', "a(st)");
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'a', "(st)");
    for (const auto& [device, limit] : value.limits) {
      if (result >= 0) {
        result = ::sd_bus_message_append(message, "(st)", device.c_str(), limit);
      }
    }
    for (int i = 0; i < 2 && result >= 0; ++i) result = ::sd_bus_message_close_container(message);
    return result;
  }
  int operator()(const BindPaths& value) const {
    int result = ::sd_bus_message_open_container(message, 'v', "a(ssbt)");
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'a', "(ssbt)");
    for (const BindPaths::Path& one : value.paths) {
      if (result < 0) break;
      result = ::sd_bus_message_append(message, "(ssbt)", one.path.c_str(), one.path.c_str(),
                                       one.if_there ? 1 : 0, uint64_t{MS_REC});
    }
    for (int i = 0; i < 2 && result >= 0; ++i) result = ::sd_bus_message_close_container(message);
    return result;
  }
};

}  // namespace

int AppendNames(sd_bus_message* message, const std::vector<std::string>& names) {
  int result = ::sd_bus_message_open_container(message, 'a', "s");
  for (const std::string& name : names) {
    if (result >= 0) result = ::sd_bus_message_append(message, "s", name.c_str());
  }
  return result < 0 ? result : ::sd_bus_message_close_container(message);
}

absl::Status AppendUnitProperties(sd_bus_message* message,
                                  const std::vector<UnitProperty>& properties) {
  int result = ::sd_bus_message_open_container(message, 'a', "(sv)");
  for (const UnitProperty& property : properties) {
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'r', "sv");
    if (result >= 0) result = ::sd_bus_message_append(message, "s", property.name.c_str());
    if (result >= 0) result = std::visit(ValueAppender{message}, property.value);
    if (result >= 0) result = ::sd_bus_message_close_container(message);
    if (result < 0) {
      return base::ErrnoError(-result, base::StrCat("unit property ", property.name));
    }
  }
  if (result >= 0) result = ::sd_bus_message_close_container(message);
  return result < 0 ? base::ErrnoError(-result, "unit properties") : absl::OkStatus();
}

}  // namespace flatvm::systemd
