// Secondaries for people, and what all answers need. Whatever the host sent is escaped, so that it
// cannot steer a terminal.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "flatvm/vm.h"

namespace flatvm::cli {

// "web  10.213.0.3  running  (1.9 s: admit 0.1 ms, disk 21 ms, domain 1.8 s)\n"
std::string CreatedLine(const Vm& vm);

// "would create web: image tiny, 192MiB, 1 vCPU, disk 2GiB, data volumes a, b\n"; "volume root"
// where it boots from that.
std::string WouldCreateLine(const Vm& vm);

// `verb` and what is known of name and id: "destroyed web (0b6c2f60-…)\n".
std::string RemovedLine(const std::string& verb, const std::string& name, const std::string& id);

// A table with a line for each; "no secondaries\n" for none. `now` is what ages count to.
std::string VmTable(const std::vector<Vm>& vms, std::chrono::system_clock::time_point now);

// Names and values, a line each.
std::string VmDetails(const Vm& vm);

// A table without a header: names and values, one pair at least.
std::string RenderPairs(const std::vector<std::vector<std::string>>& pairs);

// `text`, or "-" for none.
std::string OrDash(const std::string& text);

// "0.1 ms", "21 ms", "1.9 s".
std::string ShortDuration(std::chrono::microseconds duration);

// "59s", "59min", "23h", "9d"; "0s" for what lies in the future, as clocks of host and guest
// differ.
std::string ShortAge(std::chrono::system_clock::duration age);

}  // namespace flatvm::cli
