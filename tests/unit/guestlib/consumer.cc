// A program of somebody else's, built against an installed libflatvm with strict warnings.
#include <flatvm/client.h>

#include <iostream>

int main() {
  flatvm::ClientOptions options{.port = 0xFFFFFFF0,
                                .connect_timeout = std::chrono::milliseconds(100)};
  options.retry.unreached_for = std::chrono::milliseconds(0);
  flatvm::Client client = flatvm::Client::Create(options);
  const flatvm::Result<flatvm::Vm> vm = client.CreateVm(
      {.name = "web", .image = "tiny", .memory_mib = 192, .vcpus = 1}, {.validate_only = true});
  const flatvm::Result<flatvm::Volume> volume =
      client.CreateVolume({.name = "data", .size_mib = 64}, {.validate_only = true});
  if (volume.ok()) {
    std::cout << "unexpected: " << flatvm::DevicePath(*volume) << " "
              << flatvm::VolumeStateName(volume->state) << "\n";
    return 1;
  }
  if (vm.ok()) {
    std::cout << "unexpected: " << vm->name << "\n";
    return 1;
  }
  std::cout << "consumer: " << flatvm::CodeName(vm.error().code) << "/"
            << flatvm::ReasonName(vm.error().reason) << "\n";
  return 0;
}
