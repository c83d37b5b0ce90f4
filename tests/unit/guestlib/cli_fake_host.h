// The host as flatvm's commands see it: a service that the test plays.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guestlib/cli/host_service.h"
#include "guestlib/cli/import_meter.h"
#include "tests/unit/guestlib/cli_samples.h"

namespace flatvm::cli {

// Answers every call with what the test put here; remembers what it was asked.
struct FakeHost {
  Vm vm = SampleVm();
  std::vector<Vm> vms = {SampleVm()};
  Tenant tenant = SampleTenant();
  std::optional<Error> error;
  std::string error_only_for;  // a VM or volume; empty: for all
  Volume volume = SampleVolume();
  std::vector<Volume> volumes = {SampleVolume()};
  Image image = SampleImage();
  std::vector<Image> images = {SampleImage()};
  std::vector<ImportProgress> progress;             // reported by ImportImage
  Result<std::string> mount_point = std::string();  // what FindMount says

  std::optional<ClientOptions> options;
  std::vector<std::pair<VmSpec, CallOptions>> created;
  std::vector<std::pair<std::string, CallOptions>> destroyed;
  std::vector<std::string> shown;
  std::vector<std::pair<VolumeSpec, CallOptions>> volumes_created;
  // "attach data", "resize data 20480", "delete data": the changes, in order.
  std::vector<std::pair<std::string, CallOptions>> volume_changes;
  std::vector<std::string> volumes_shown;
  std::vector<std::string> mounts_sought;  // serials
  std::vector<std::pair<ImportSpec, CallOptions>> images_imported;
  std::vector<std::pair<std::string, CallOptions>> images_removed;
  std::vector<std::chrono::seconds>
      times;  // what the clock says, one after the other; then the last
  MeterStyle meter = MeterStyle::kLines;

  bool Fails(const std::string& name) const {
    return error.has_value() && (error_only_for.empty() || error_only_for == name);
  }
};

class FakeService final : public HostService {
 public:
  explicit FakeService(FakeHost& host) : host_(host) {}

  Result<Vm> CreateVm(const VmSpec& spec, const CallOptions& call) override {
    host_.created.emplace_back(spec, call);
    if (host_.Fails(spec.name)) return *host_.error;
    return host_.vm;
  }
  Result<Vm> DestroyVm(const std::string& name_or_id, const CallOptions& call) override {
    host_.destroyed.emplace_back(name_or_id, call);
    if (host_.Fails(name_or_id)) return *host_.error;
    Vm vm = host_.vm;
    vm.name = name_or_id;
    return vm;
  }
  Result<Vm> ShowVm(const std::string& name_or_id) override {
    host_.shown.push_back(name_or_id);
    if (host_.Fails(name_or_id)) return *host_.error;
    return host_.vm;
  }
  Result<std::vector<Vm>> ListVms() override {
    if (host_.error.has_value()) return *host_.error;
    return host_.vms;
  }
  Result<Tenant> GetTenant() override {
    if (host_.error.has_value()) return *host_.error;
    return host_.tenant;
  }

  Result<Volume> CreateVolume(const VolumeSpec& spec, const CallOptions& call) override {
    host_.volumes_created.emplace_back(spec, call);
    if (host_.Fails(spec.name)) return *host_.error;
    return host_.volume;
  }
  Result<Volume> AttachVolume(const std::string& name_or_id, const CallOptions& call) override {
    return Change("attach " + name_or_id, name_or_id, call);
  }
  Result<Volume> DetachVolume(const std::string& name_or_id, const CallOptions& call) override {
    return Change("detach " + name_or_id, name_or_id, call);
  }
  Result<Volume> ResizeVolume(const std::string& name_or_id, uint32_t size_mib,
                              const CallOptions& call) override {
    return Change("resize " + name_or_id + " " + std::to_string(size_mib), name_or_id, call);
  }
  Result<Volume> DeleteVolume(const std::string& name_or_id, const CallOptions& call) override {
    return Change("delete " + name_or_id, name_or_id, call);
  }
  Result<Volume> ShowVolume(const std::string& name_or_id) override {
    host_.volumes_shown.push_back(name_or_id);
    if (host_.Fails(name_or_id)) return *host_.error;
    return host_.volume;
  }
  Result<std::vector<Volume>> ListVolumes() override {
    if (host_.error.has_value()) return *host_.error;
    return host_.volumes;
  }

  Result<Image> ImportImage(const ImportSpec& spec, const CallOptions& call) override {
    host_.images_imported.emplace_back(spec, call);
    for (const ImportProgress& progress : host_.progress) spec.progress(progress);
    if (host_.Fails(spec.name)) return *host_.error;
    return host_.image;
  }
  Result<Image> RemoveImage(const std::string& name_or_id, const CallOptions& call) override {
    host_.images_removed.emplace_back(name_or_id, call);
    if (host_.Fails(name_or_id)) return *host_.error;
    Image image = host_.image;
    image.name = name_or_id;
    return image;
  }
  Result<std::vector<Image>> ListImages() override {
    if (host_.error.has_value()) return *host_.error;
    return host_.images;
  }

 private:
  Result<Volume> Change(const std::string& change, const std::string& name_or_id,
                        const CallOptions& call) {
    host_.volume_changes.emplace_back(change, call);
    if (host_.Fails(name_or_id)) return *host_.error;
    Volume volume = host_.volume;
    volume.name = name_or_id;
    return volume;
  }

  FakeHost& host_;
};

}  // namespace flatvm::cli
