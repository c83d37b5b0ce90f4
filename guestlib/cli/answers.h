// Where answers and errors go, in which form, and which exit code they make.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "flatvm/result.h"
#include "guestlib/cli/command_line.h"
#include "guestlib/cli/render_json.h"

namespace flatvm::cli {

// Thread-compatible.
class Answers {
 public:
  // The streams outlive it.
  Answers(OutputFormat format, std::ostream& out, std::ostream& err)
      : format_(format), out_(out), err_(err) {}

  bool json() const { return format_ == OutputFormat::kJson; }

  // Each returns the exit code that goes with it.
  int Fail(const Error& error) const;
  int Print(const std::string& text) const;

  // One call of `remove` (a name or id to Result<T>) for each of `references`; goes on after a
  // failure and ends with the first one's exit code. Text is a line for each as it goes, made by
  // `line`; JSON is one T for one reference, else the list of those that went.
  template <typename T, typename Remove, typename Line>
  int RemoveEach(const std::vector<std::string>& references, const Remove& remove, const Line& line,
                 Json (*one)(const T&), Json (*list)(const std::vector<T>&)) const {
    int exit_code = 0;
    std::vector<T> removed;
    for (const std::string& reference : references) {
      Result<T> result = remove(reference);
      if (!result.ok()) {
        const int code = Fail(result.error());
        if (exit_code == 0) exit_code = code;
        continue;
      }
      if (!json()) Print(line(*result));
      removed.push_back(*std::move(result));
    }
    if (json() && references.size() > 1) Print(DumpJson(list(removed)));
    if (json() && references.size() == 1 && exit_code == 0) Print(DumpJson(one(removed.front())));
    return exit_code;
  }

 private:
  const OutputFormat format_;
  std::ostream& out_;
  std::ostream& err_;
};

}  // namespace flatvm::cli
