#include "daemon/hypervisor/domain_xml.h"

#include <pugixml.hpp>
#include <sstream>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/cpu_quota.h"
#include "daemon/hypervisor/disk_xml.h"
#include "daemon/hypervisor/spec_check.h"
#include "daemon/libvirt/metadata.h"

namespace flatvm::hypervisor {
namespace {

using pugi::xml_node;

void Set(xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name).set_value(value.c_str());
}

// A child with text.
xml_node Add(xml_node parent, const char* name, const std::string& text) {
  xml_node child = parent.append_child(name);
  child.text().set(text.c_str());
  return child;
}

const char* TypeName(Virtualization virtualization) {
  switch (virtualization) {
    case Virtualization::kKvm:
      return "kvm";
    case Virtualization::kTcg:
      return "qemu";
    case Virtualization::kTestDriver:
      return "test";
  }
  return "kvm";
}

void AddMetadata(xml_node domain, const DomainSpec& spec) {
  const std::string prefix = libvirt::kMetadataPrefix;
  xml_node ours = domain.append_child("metadata").append_child((prefix + ":secondary").c_str());
  Set(ours, ("xmlns:" + prefix).c_str(), libvirt::kMetadataUri);
  Set(ours, "tenant", spec.tenant);
  Set(ours, "id", spec.vm_id);
  Set(ours, "name", spec.vm_name);
}

// "global" is the domain's whole cgroup: vCPUs, QEMU's own threads and I/O threads together.
void AddCpuQuota(xml_node domain, uint32_t cpu_percent) {
  if (cpu_percent == 0) return;
  xml_node tune = domain.append_child("cputune");
  Add(tune, "global_period", base::StrCat(kQuotaPeriodUs));
  Add(tune, "global_quota", base::StrCat(QuotaUsOf(cpu_percent)));
}

void AddOs(xml_node domain, const DomainSpec& spec, Virtualization virtualization) {
  xml_node os = domain.append_child("os");
  xml_node type = Add(os, "type", "hvm");
  if (virtualization != Virtualization::kTestDriver) {
    Set(type, "arch", "x86_64");
    Set(type, "machine", "q35");
  }
  if (!spec.kernel) return;
  Add(os, "kernel", spec.kernel->kernel_path);
  if (!spec.kernel->initrd_path.empty()) Add(os, "initrd", spec.kernel->initrd_path);
  if (!spec.kernel->cmdline.empty()) Add(os, "cmdline", spec.kernel->cmdline);
}

void AddCpu(xml_node domain, Virtualization virtualization) {
  if (virtualization == Virtualization::kTestDriver) return;
  xml_node cpu = domain.append_child("cpu");
  if (virtualization == Virtualization::kTcg) {
    Set(cpu, "mode", "maximum");
    return;
  }
  // The host's own CPU, whatever it is: a secondary never migrates.
  Set(cpu, "mode", "host-passthrough");
  Set(cpu, "check", "none");
  Set(cpu, "migratable", "off");
}

void AddClock(xml_node domain) {
  xml_node clock = domain.append_child("clock");
  Set(clock, "offset", "utc");
  xml_node rtc = clock.append_child("timer");
  Set(rtc, "name", "rtc");
  Set(rtc, "tickpolicy", "catchup");
  xml_node pit = clock.append_child("timer");
  Set(pit, "name", "pit");
  Set(pit, "tickpolicy", "delay");
  // Costs host CPU time for nothing: guests have kvm-clock or the TSC.
  xml_node hpet = clock.append_child("timer");
  Set(hpet, "name", "hpet");
  Set(hpet, "present", "no");
}

void AddLifecycle(xml_node domain) {
  Add(domain, "on_poweroff", "destroy");
  Add(domain, "on_reboot", "restart");
  Add(domain, "on_crash", "destroy");
  // A suspended secondary would be neither running nor stopped.
  xml_node pm = domain.append_child("pm");
  Set(pm.append_child("suspend-to-mem"), "enabled", "no");
  Set(pm.append_child("suspend-to-disk"), "enabled", "no");
}

// The first is what it boots from, unless it boots a kernel.
void AddDisks(xml_node devices, const DomainSpec& spec) {
  for (size_t i = 0; i < spec.disks.size(); ++i) {
    xml_node disk = AppendDisk(devices, spec.disks[i], DiskTarget(i));
    if (i == 0 && !spec.kernel) Set(disk.append_child("boot"), "order", "1");
  }
}

void AddNic(xml_node devices, const DomainNic& spec) {
  xml_node nic = devices.append_child("interface");
  const bool bridged = !spec.bridge.empty();
  Set(nic, "type", bridged ? "bridge" : "network");
  Set(nic.append_child("mac"), "address", spec.mac);
  xml_node source = nic.append_child("source");
  Set(source, bridged ? "bridge" : "network", bridged ? spec.bridge : spec.network);
  Set(nic.append_child("target"), "dev", base::TapName(spec.mac));
  Set(nic.append_child("model"), "type", "virtio");
  Set(nic.append_child("port"), "isolated", "no");
  Set(nic.append_child("rom"), "enabled", "no");
}

// With libvirt's default stdio_handler (logd) virtlogd writes the file, bounds its size and
// rotates it; the guest cannot fill the host's disk.
void AddConsole(xml_node devices, const std::string& log_path) {
  xml_node serial = devices.append_child("serial");
  Set(serial, "type", "file");
  xml_node source = serial.append_child("source");
  Set(source, "path", log_path);
  Set(source, "append", "on");
  xml_node target = serial.append_child("target");
  Set(target, "type", "isa-serial");
  Set(target, "port", "0");
}

void AddSmallDevices(xml_node devices, base::VsockCid cid) {
  xml_node usb = devices.append_child("controller");
  Set(usb, "type", "usb");
  Set(usb, "index", "0");
  Set(usb, "model", "none");
  xml_node balloon = devices.append_child("memballoon");
  Set(balloon, "model", "virtio");
  Set(balloon, "freePageReporting", "on");
  xml_node rng = devices.append_child("rng");
  Set(rng, "model", "virtio");
  Set(Add(rng, "backend", "/dev/urandom"), "model", "random");
  xml_node vsock = devices.append_child("vsock");
  Set(vsock, "model", "virtio");
  xml_node element = vsock.append_child("cid");
  Set(element, "auto", "no");
  Set(element, "address", base::StrCat(cid.value));
}

}  // namespace

absl::StatusOr<std::string> BuildDomainXml(const DomainSpec& spec, Virtualization virtualization) {
  FLATVM_RETURN_IF_ERROR(CheckDomainSpec(spec));
  pugi::xml_document document;
  xml_node domain = document.append_child("domain");
  Set(domain, "type", TypeName(virtualization));
  Add(domain, "name", DomainName(spec.tenant, spec.vm_name));
  Add(domain, "uuid", spec.vm_id);
  AddMetadata(domain, spec);
  for (const char* memory : {"memory", "currentMemory"}) {
    Set(Add(domain, memory, base::StrCat(spec.memory_mib)), "unit", "MiB");
  }
  Set(Add(domain, "vcpu", base::StrCat(spec.vcpus)), "placement", "static");
  AddCpuQuota(domain, spec.cpu_quota_percent);
  Add(domain.append_child("resource"), "partition", spec.partition);
  AddOs(domain, spec, virtualization);
  xml_node features = domain.append_child("features");
  features.append_child("acpi");
  features.append_child("apic");
  AddCpu(domain, virtualization);
  AddClock(domain);
  AddLifecycle(domain);
  xml_node devices = domain.append_child("devices");
  AddDisks(devices, spec);
  for (const DomainNic& nic : spec.nics) AddNic(devices, nic);
  AddConsole(devices, spec.console_log);
  AddSmallDevices(devices, spec.cid);

  std::ostringstream text;
  document.save(
      text, "  ",
      pugi::format_indent | pugi::format_no_declaration | pugi::format_attribute_single_quote);
  return text.str();
}

}  // namespace flatvm::hypervisor
