// lane serve PORT | lane run [--timeout S] [--no-stdin] DIRECTORY -- COMMAND [ARGUMENT...]
#include "lane.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

int Usage() {
  fputs(
      "usage: lane serve PORT\n       lane run [--timeout S] [--no-stdin] DIRECTORY -- COMMAND "
      "[ARGUMENT...]\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "serve") return flatvm::testbed::Serve(words[1].c_str());
  if (words.empty() || words[0] != "run") return Usage();
  flatvm::testbed::RunOptions options;
  size_t at = 1;
  for (; at < words.size() && words[at] != "--"; ++at) {
    if (words[at] == "--no-stdin") {
      options.forward_stdin = false;
    } else if (words[at] == "--timeout" && at + 1 < words.size()) {
      options.timeout_s = atoi(words[++at].c_str());
    } else {
      options.directory = words[at];
    }
  }
  if (options.directory.empty() || at + 1 >= words.size()) return Usage();
  return flatvm::testbed::Run(options, {words.begin() + static_cast<long>(at) + 1, words.end()});
}
