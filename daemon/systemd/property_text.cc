#include "daemon/systemd/property_text.h"

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

#include "daemon/base/str_cat.h"

namespace flatvm::systemd {
namespace {

// Appends a value with its length where that is not plain, so that no two lists look the same.
struct ValueWriter {
  std::string* text;

  void operator()(const std::string& value) const {
    base::StrAppend(text, " ", value.size(), ":", value);
  }
  template <typename Number>
  requires std::is_arithmetic_v<Number>
  void operator()(Number value) const { base::StrAppend(text, " ", static_cast<int64_t>(value)); }
  template <typename Element>
  void operator()(const std::vector<Element>& values) const {
    (*this)(values.size());
    for (const Element& value : values) (*this)(value);
  }
  void operator()(const FilterList& value) const {
    (*this)(value.allow);
    (*this)(value.names);
  }
  void operator()(const ExecCommand& value) const { (*this)(value.argv); }
  void operator()(const Handle& /*one*/) const { *text += " fd"; }
  void operator()(const CpuSet& value) const { (*this)(value.cpus); }
  void operator()(const std::pair<std::string, uint64_t>& value) const {
    (*this)(value.first);
    (*this)(value.second);
  }
  void operator()(const DeviceLimits& value) const { (*this)(value.limits); }
  void operator()(const BindPaths::Path& value) const {
    (*this)(value.path);
    (*this)(value.if_there);
  }
  void operator()(const BindPaths& value) const { (*this)(value.paths); }
};

}  // namespace

std::string TextOf(const std::vector<UnitProperty>& properties) {
  std::string text;
  for (const UnitProperty& property : properties) {
    text += property.name;
    std::visit(ValueWriter{&text}, property.value);
    text += "\n";
  }
  return text;
}

}  // namespace flatvm::systemd
