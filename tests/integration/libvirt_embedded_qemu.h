// libvirt's QEMU driver inside the test program (qemu:///embed), its files in a temporary
// directory, guests emulated. Nothing it does is seen outside the test.
#pragma once

#include <gtest/gtest.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/event_loop.h"
#include "daemon/libvirt/handles.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::integration {

// A process has one embedded QEMU driver.
struct EmbeddedQemu {
  EmbeddedQemu() : connection("qemu:///embed?root=" + root.path()) {
    std::filesystem::create_directories(root.path() + "/etc");
    // Neither virtlogd nor the host's users, cgroups and security modules are any business of a
    // test's.
    std::ofstream(root.path() + "/etc/qemu.conf") << "stdio_handler = \"file\"\n"
                                                     "security_driver = \"none\"\n"
                                                     "user = \"root\"\ngroup = \"root\"\n"
                                                     "namespaces = []\ncgroup_controllers = []\n";
  }

  fakes::TempDir root;
  libvirt::EventLoop event_loop;
  libvirt::Connection connection;
};

// Without an operating system: what becomes of the request to let go of a disk.
enum class DiskGuest {
  kKeeps,   // QEMU waits for ACPI
  kLetsGo,  // the PCIe port of a disk that was plugged in later is not powered up: it goes at once
};

// An emulated machine of 32 MiB with so many free PCIe ports.
inline std::string PluggableXml(const std::string& name, const std::string& uuid, DiskGuest guest,
                                int ports, const std::string& metadata = "") {
  std::string devices = "<controller type='pci' index='0' model='pcie-root'/>";
  for (int i = 0; i < ports; ++i) devices += "<controller type='pci' model='pcie-root-port'/>";
  const std::string arguments =
      guest == DiskGuest::kKeeps
          ? ""
          : "<q:commandline><q:arg value='-global'/>"
            "<q:arg value='ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'/></q:commandline>";
  return base::StrCat(
      "<domain type='qemu' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><name>", name,
      "</name><uuid>", uuid, "</uuid><metadata>", metadata,
      "</metadata><memory unit='MiB'>32</memory><vcpu>1</vcpu>"
      "<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features><devices>",
      devices, "<controller type='usb' model='none'/><memballoon model='none'/></devices>",
      arguments, "</domain>");
}

// Has one domain, which goes with the test. Skips the test, saying why, if this machine cannot.
class EmbeddedQemuTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { qemu_ = std::make_unique<EmbeddedQemu>(); }
  static void TearDownTestSuite() { qemu_.reset(); }

  void SetUp() override {
    if (::access("/usr/bin/qemu-system-x86_64", X_OK) != 0) GTEST_SKIP() << "needs QEMU";
    auto connect = qemu_->connection.Get();
    if (!connect.ok()) GTEST_SKIP() << "needs libvirt's embedded QEMU driver";
    connect_ = *std::move(connect);
  }

  void TearDown() override {
    if (connect_ == nullptr) return;
    const libvirt::DomainPtr domain = Find();
    if (domain == nullptr) return;
    virDomainDestroy(domain.get());
    virDomainUndefine(domain.get());
  }

  // An emulated machine of 32 MiB that boots from nothing and hears no power button.
  std::string Xml(const std::string& metadata = "", const std::string& device = "") const {
    return base::StrCat("<domain type='qemu'><name>acme-primary</name><uuid>", uuid_,
                        "</uuid><metadata>", metadata,
                        "</metadata><memory unit='MiB'>32</memory><vcpu>1</vcpu>"
                        "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
                        "<features><acpi/></features><devices>",
                        device, "<controller type='usb' model='none'/></devices></domain>");
  }

  void Define(const std::string& xml) {
    const libvirt::DomainPtr domain(virDomainDefineXML(connect_.get(), xml.c_str()));
    ASSERT_NE(domain, nullptr) << virGetLastErrorMessage();
  }

  // Null if it is not there.
  libvirt::DomainPtr Find() const {
    return libvirt::DomainPtr(virDomainLookupByUUIDString(connect_.get(), uuid_.c_str()));
  }

  std::string LiveXml() const {
    const libvirt::TextPtr xml(virDomainGetXMLDesc(Find().get(), 0));
    return xml == nullptr ? "" : xml.get();
  }

  inline static std::unique_ptr<EmbeddedQemu> qemu_;

  const std::string uuid_ = base::NewUuid();
  libvirt::ConnectPtr connect_;
};

}  // namespace flatvm::integration
