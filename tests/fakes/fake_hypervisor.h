// Hypervisor in memory: primaries that tests define, start and stop, and secondaries that are only
// entries. Primaries' definitions are real XML, edited by the real code. What FakePrimaryShare and
// FakePrimaryDisks set is kept here, with the primaries.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "daemon/hypervisor/hypervisor.h"
#include "daemon/hypervisor/primary_disks.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// What a primary's guest does when its balloon is to fall. When it is to rise, all but kNoDriver
// take the memory at once.
enum class BalloonGuest {
  kCooperates,  // gives the memory back at once
  kKeeps,       // has a driver and does not go below FakePrimary::keeps_mib
  kNoDriver,
  kSlow,  // gives it back when ReadMemory was called `slow_reads` more times
};

// What changes with each run of a primary.
struct FakeRun {
  uint32_t domain_id = 0;  // 0: shut off, and so is the rest
  uint32_t maximum_mib = 0;
  uint32_t target_mib = 0;                      // what it was asked to keep
  uint32_t actual_mib = 0;                      // what it keeps
  uint32_t pending_reads = 0;                   // of kSlow: until actual_mib is target_mib
  uint32_t cpu_percent = 0;                     // its quota; 0: none
  std::vector<hypervisor::PrimaryDisk> disks;   // of FakePrimaryDisks
  std::map<std::string, uint64_t> sizes_bytes;  // what it was told of them, by path

  bool operator==(const FakeRun&) const = default;
};

struct FakePrimary {
  std::string uuid;
  std::string definition_xml;                  // empty: transient
  std::string live_xml;                        // what it was started from; empty: shut off
  std::vector<hypervisor::PrimaryDisk> disks;  // of its definition; FakePrimaryDisks'
  uint32_t boots = 0;
  FakeRun run;
  BalloonGuest guest = BalloonGuest::kCooperates;
  uint32_t slow_reads = 0;
  uint32_t keeps_mib = UINT32_MAX;

  bool operator==(const FakePrimary&) const = default;
};

// A running secondary.
struct FakeDomain {
  std::string tenant;
  std::string name;  // libvirt's
  uint32_t memory_mib = 0;
  uint32_t vcpus = 0;
  base::VsockCid cid;
  std::vector<hypervisor::DomainNic> nics;
  std::string partition;
  uint32_t domain_id = 0;
  uint32_t cpu_quota_percent = 0;
  std::vector<std::string> disks;  // paths

  bool operator==(const FakeDomain&) const = default;
};

// Thread-safe.
class FakeHypervisor final : public hypervisor::Hypervisor, public FailableFake {
 public:
  struct State {
    std::map<std::string, FakePrimary> primaries;  // by name
    std::map<std::string, FakeDomain> domains;     // by secondary's id
    bool operator==(const State&) const = default;
  };
  State Snapshot() const;

  // Defines a domain of the operator's, shut off. Returns its UUID.
  std::string DefinePrimary(const std::string& name, uint32_t memory_mib, uint32_t vcpus);
  // A running domain without a persistent definition. Returns its UUID.
  std::string StartTransientPrimary(const std::string& name, uint32_t memory_mib, uint32_t vcpus);
  void UndefinePrimary(const std::string& name);
  // As an operator with `virsh edit`.
  void EditPrimary(const std::string& name, const std::function<void(std::string*)>& edit);
  void StartPrimary(const std::string& name);
  void StopPrimary(const std::string& name);
  // What the primary's guest does from FakePrimaryShare's next call on, also with what it was asked
  // for before; through all of its runs. `slow_reads` is for kSlow.
  void SetBalloonGuest(const std::string& name, BalloonGuest guest, uint32_t slow_reads = 0);

  // For kKeeps; its guest gives nothing back otherwise.
  void SetKeptMemory(const std::string& name, uint32_t memory_mib);
  // Calls `use` with the primary that has this UUID, while nothing else can change it: for
  // FakePrimaryShare and FakePrimaryDisks. Errors: NOT_FOUND / kPrimaryNotDefined;
  // FAILED_PRECONDITION / kPrimaryNotDefined of a secondary; those of `use`.
  absl::Status UsePrimary(const std::string& uuid,
                          const std::function<absl::Status(FakePrimary*)>& use);

  // A secondary's guest shuts down: its domain is gone.
  void EndDomain(const std::string& vm_id);
  // A domain that has nothing to do with flatvm has this CID.
  void AddForeignCid(base::VsockCid cid);
  // Called once, when the next StartDomain has started its domain and before it returns.
  void OnNextStartDomain(std::function<void()> callback);

  absl::StatusOr<uint32_t> StartDomain(const hypervisor::DomainSpec& spec) override;
  absl::Status RemoveDomain(const std::string& vm_id) override;
  absl::StatusOr<std::vector<hypervisor::DomainInfo>> ListDomains() override;
  absl::StatusOr<hypervisor::PrimaryInfo> GetPrimary(const std::string& name_or_uuid) override;
  absl::StatusOr<hypervisor::PrimaryUndo> AttachPrimary(
      const std::string& name_or_uuid, const hypervisor::PrimaryAttachment& attachment) override;
  absl::Status DetachPrimary(const hypervisor::PrimaryUndo& undo) override;
  absl::Status RestartPrimary(const std::string& uuid, uint32_t shutdown_timeout_ms) override;
  absl::StatusOr<std::vector<base::VsockCid>> ListUsedCids(
      const std::set<std::string>& ours) override;

 private:
  using Primaries = std::map<std::string, FakePrimary>;

  absl::Status AddDomain(const hypervisor::DomainSpec& spec);
  void StartRun(FakePrimary* primary, const std::string& xml);
  absl::StatusOr<Primaries::iterator> FindPrimary(const std::string& name_or_uuid);
  absl::StatusOr<std::vector<base::VsockCid>> UsedCids(const std::set<std::string>& ours) const;

  mutable std::mutex mutex_;  // guards the rest
  State state_;
  std::set<base::VsockCid> foreign_cids_;
  std::function<void()> on_next_start_;
  uint32_t next_domain_id_ = 1;
};

}  // namespace flatvm::fakes
