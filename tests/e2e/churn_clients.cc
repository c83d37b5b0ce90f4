// Clients that make and destroy secondaries at random, in a primary: each on a connection of its
// own, in a thread of its own. Prints what each step came to: "create-0" and its like, with the
// exit code that flatvm would have; what is neither done nor refused goes to standard error. Leaves
// nothing.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/base/exit_code.h"
#include "flatvm/client.h"

namespace {

constexpr std::chrono::minutes kTimeout{6};
constexpr uint32_t kMinMemoryMib = 32;
constexpr uint32_t kMoreMemoryMib = 31;

std::mutex output;  // guards both streams

class ChurnClient {
 public:
  ChurnClient(int number, std::string image)
      : number_(number),
        image_(std::move(image)),
        client_(flatvm::Client::Create({.call_timeout = kTimeout})),
        dice_(static_cast<unsigned>(number)) {}

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      const std::string name = "c" + std::to_string(number_) + "-" + std::to_string(Roll(1));
      if (mine_.contains(name)) {
        Destroy(name);
      } else {
        Create(name);
      }
    }
    for (const std::string& name : std::set<std::string>(mine_)) (void)client_.DestroyVm(name);
  }

 private:
  // 0..most
  uint32_t Roll(uint32_t most) { return std::uniform_int_distribution<uint32_t>(0, most)(dice_); }

  void Create(const std::string& name) {
    const auto vm = client_.CreateVm({.name = name,
                                      .image = image_,
                                      .memory_mib = kMinMemoryMib + Roll(kMoreMemoryMib),
                                      .vcpus = 1});
    if (vm.ok()) {
      mine_.insert(name);
    } else {
      // As who is told that there is no room would; the primary's one emulated CPU also has to give
      // memory up.
      std::this_thread::sleep_for(std::chrono::milliseconds(1000 + Roll(2000)));
    }
    Say("create", vm);
  }

  void Destroy(const std::string& name) {
    const auto vm = client_.DestroyVm(name);
    if (vm.ok()) mine_.erase(name);
    Say("destroy", vm);
  }

  void Say(const char* what, const flatvm::Result<flatvm::Vm>& vm) const {
    const int code = vm.ok() ? 0 : flatvm::base::ExitCodeFor(static_cast<int>(vm.error().code));
    const std::lock_guard lock(output);
    std::printf("%s-%d\n", what, code);
    if (!vm.ok()) std::fprintf(stderr, "%s: %s\n", what, vm.error().message.c_str());
  }

  const int number_;
  const std::string image_;
  flatvm::Client client_;
  std::mt19937 dice_;
  std::set<std::string> mine_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: churn_clients CLIENTS STEPS IMAGE\n", stderr);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int clients = std::atoi(argv[1]);
  const int steps = std::atoi(argv[2]);
  std::vector<std::thread> threads;
  for (int i = 0; i < clients; ++i) {
    threads.emplace_back(
        [i, steps, image = std::string(argv[3])] { ChurnClient(i, image).Run(steps); });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}
