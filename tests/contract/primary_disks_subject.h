// What primary_disks_contract_test.cc is run on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/hypervisor/primary_disks.h"
#include "tests/fakes/fake_primary_disks.h"

namespace flatvm::hypervisor {

constexpr uint64_t kDiskBytes = 1 << 20;  // of a file that MakeFile made

// One implementation, and its host as an operator works on it, with at most one primary.
class PrimaryDisksSubject {
 public:
  virtual ~PrimaryDisksSubject() = default;
  // Why it cannot be had on this machine; empty if it can.
  virtual std::string Lack() const { return {}; }
  virtual PrimaryDisks& disks() = 0;
  // All three return the domain's UUID.
  virtual std::string Define(fakes::DiskGuest guest) = 0;
  virtual std::string StartTransient() = 0;
  virtual std::string StartSecondary() = 0;
  virtual void Undefine() = 0;
  virtual void Start() = 0;
  virtual void Stop() = 0;
  // A file that a disk can be made of.
  virtual std::string MakeFile(const std::string& name) = 0;
  // Paths of the disks in the persistent definition.
  virtual std::vector<std::string> Defined(const std::string& uuid) = 0;
  // How large the running instance takes the disk to be.
  virtual uint64_t LiveBytes(const std::string& uuid, const std::string& path) = 0;
};

std::unique_ptr<PrimaryDisksSubject> MakeFakePrimaryDisksSubject();
std::unique_ptr<PrimaryDisksSubject> MakeQemuPrimaryDisksSubject();

// To be called when the last of the latter is gone.
void EndQemuPrimaryDisks();

}  // namespace flatvm::hypervisor
