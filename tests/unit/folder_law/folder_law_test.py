#!/usr/bin/env python3
"""Checks this source tree against the folder law, and the law's own checks against snippets that break it.

Usage: folder_law_test.py [unittest's arguments]; with --list it prints every finding instead, one a line.
"""
from __future__ import annotations

import os
import pathlib
import sys
import unittest

import law
import scan

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Not ours to judge: what is built, and what tools keep.
SKIPPED = ('build', '.git', '.cache', '__pycache__')


def files(root: pathlib.Path = ROOT) -> list[str]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED and not name.startswith('build-')]
        found += [(pathlib.Path(folder) / name).relative_to(root).as_posix() for name in names]
    return sorted(found)


def findings_of_tree() -> list[scan.Finding]:
    found = []
    for path in files():
        code = (ROOT / path).read_text(encoding='utf-8', errors='replace') if path.endswith(('.cc', '.h')) else ''
        found += scan.check_file(path, code)
    return found


class Tree(unittest.TestCase):
    def test_keeps_the_law(self):
        found = findings_of_tree()
        self.assertFalse(found, '\n' + '\n'.join(map(str, found)))

    def test_is_there(self):
        self.assertGreater(len([path for path in files() if path.endswith('.cc')]), 100)

    def test_needs_every_exception(self):
        """An exception that nothing needs any more goes."""
        everything = set(files())
        for path in law.SIZE_EXCEPTIONS:
            self.assertIn(path, everything)
            lines = (ROOT / path).read_text(encoding='utf-8').count('\n')
            self.assertGreater(lines, law.MAX_LINES[os.path.splitext(path)[1]], f'{path} is small again')
        for path in law.NAME_EXCEPTIONS:
            self.assertIn(path, everything)
        for folder in law.DATA_FOLDERS:
            self.assertTrue(any(path.startswith(folder + '/') for path in everything), folder)
            self.assertFalse([path for path in everything
                              if path.startswith(folder + '/') and path.endswith(('.cc', '.h', '.py'))], folder)
        for path, name in law.INCLUDE_EXCEPTIONS:
            code = scan.strip((ROOT / path).read_text(encoding='utf-8'), keep_strings=True)
            self.assertRegex(code, f'#include [<"]{name}', f'{path} no longer includes {name}')
        for room in law.ROOMS:
            self.assertTrue(any(scan.room_of(path) == room for path in everything), f'{room} is gone')


# What each line, alone in that file, must be found guilty of.
OFFENDERS = [
    ('daemon/base/a.h', '#include "daemon/libvirt/connection.h"', 'include'),
    ('daemon/base/a.h', '#include "cgroups/tenant_cgroups.h"', 'include'),
    ('daemon/base/a.cc', '#include <nlohmann/json.hpp>', 'include'),
    ('daemon/base/a.cc', '#include "flatvm/v1/types.pb.h"', 'include'),
    ('daemon/libvirt/a.cc', '#include <grpcpp/grpcpp.h>', 'include'),
    ('daemon/libvirt/a.cc', '#include "daemon/hypervisor/hypervisor.h"', 'include'),
    ('cgroups/a.cc', '#include <libvirt/libvirt.h>', 'include'),
    ('cgroups/a.cc', '#include "daemon/libvirt/connection.h"', 'include'),
    ('network/a.h', '#include "daemon/libvirt/connection.h"', 'include'),
    ('network/a.h', '#include <libvirt/libvirt.h>', 'include'),
    ('network/a.cc', '#include "storage/tenant_storage.h"', 'include'),
    ('network/a.cc', '#include "daemon/broker/records.h"', 'include'),
    ('storage/a.cc', '#include "nlohmann/json.hpp"', 'include'),
    ('storage/a.cc', '#include <libvirt/libvirt.h>', 'include'),
    ('storage/a.cc', '#include <openssl/evp.h>', 'include'),
    ('storage/a.h', '#include "network/ipv4.h"', 'include'),
    ('storage/a.cc', '#include <ext2fs/ext2fs.h>', 'include'),
    ('network/netlink/a.cc', '#include "network/ipv4.h"', 'include'),
    ('network/dnsmasq/a.cc', '#include "network/host_network.h"', 'include'),
    ('network/guard/a.cc', '#include "network/nft_table.h"', 'include'),
    ('storage/extfs/a.h', '#include <ext2fs/ext2fs.h>', 'include'),
    ('storage/extfs/a.cc', '#include "storage/sparse_copy.h"', 'include'),
    ('daemon/hypervisor/a.h', '#include <libvirt/libvirt.h>', 'include'),
    ('daemon/hypervisor/a.cc', '#include "daemon/broker/records.h"', 'include'),
    ('daemon/config/a.cc', '#include "daemon/broker/settings.h"', 'include'),
    ('daemon/config/a.cc', '#include "network/ipv4.h"', 'include'),
    ('daemon/broker/a.cc', '#include <grpcpp/grpcpp.h>', 'include'),
    ('daemon/broker/a.cc', '#include <libvirt/libvirt.h>', 'include'),
    ('daemon/broker/a.cc', '#include <nlohmann/json.hpp>', 'include'),
    ('daemon/broker/a.cc', '#include <systemd/sd-bus.h>', 'include'),
    ('daemon/broker/a.cc', '#include "daemon/hypervisor/libvirt_hypervisor.h"', 'include'),
    ('daemon/broker/a.cc', '#include "storage/file_storage.h"', 'include'),
    ('daemon/broker/a.cc', '#include "flatvm/v1/types.pb.h"', 'include'),
    ('daemon/state/a.cc', '#include "daemon/broker/registry.h"', 'include'),
    ('daemon/state/a.cc', '#include "daemon/hypervisor/hypervisor.h"', 'include'),
    ('daemon/gate/a.cc', '#include <grpcpp/grpcpp.h>', 'include'),
    ('daemon/gate/a.cc', '#include "daemon/broker/registry.h"', 'include'),
    ('daemon/front/a.cc', '#include "daemon/broker/records.h"', 'include'),
    ('daemon/front/a.cc', '#include <libvirt/libvirt.h>', 'include'),
    ('daemon/front/a.cc', '#include <systemd/sd-daemon.h>', 'include'),
    ('daemon/quota/a.cc', '#include "daemon/broker/records.h"', 'include'),
    ('daemon/quota_worker/a.cc', '#include <systemd/sd-bus.h>', 'include'),
    ('daemon/import_worker/a.cc', '#include "storage/qcow2_header.h"', 'include'),
    ('daemon/imports/a.cc', '#include "daemon/broker/records.h"', 'include'),
    ('daemon/systemd/a.cc', '#include "daemon/gate/gate.h"', 'include'),
    ('daemon/rpc/a.cc', '#include <libvirt/libvirt.h>', 'include'),
    ('daemon/rpc/a.cc', '#include "network/tenant_networks.h"', 'include'),
    ('daemon/check/a.cc', '#include "daemon/broker/records.h"', 'include'),
    ('daemon/check/a.h', '#include <libvirt/libvirt.h>', 'include'),
    ('daemon/ctl/a.cc', '#include "daemon/broker/records.h"', 'include'),
    ('daemon/ctl/a.cc', '#include "storage/tenant_volumes.h"', 'include'),
    ('daemon/ctl/a.cc', '#include "daemon/config/strict_json.h"', 'include'),
    ('guestlib/include/flatvm/a.h', '#include <grpcpp/grpcpp.h>', 'include'),
    ('guestlib/include/flatvm/a.h', '#include "flatvm/v1/types.pb.h"', 'include'),
    ('guestlib/include/flatvm/a.h', '#include "absl/status/status.h"', 'include'),
    ('guestlib/src/a.cc', '#include "daemon/base/error.h"', 'include'),
    ('guestlib/src/a.cc', '#include "guestlib/cli/run_cli.h"', 'include'),
    ('guestlib/cli/a.cc', '#include "guestlib/src/convert.h"', 'include'),
    ('guestlib/cli/a.cc', '#include "flatvm/v1/types.pb.h"', 'include'),
    ('daemon/ctl/a.cc', '#include "tests/fakes/clock.h"', 'include'),
    ('daemon/ctl/a.cc', '#include <gtest/gtest.h>', 'include'),
    ('daemon/ctl/a.cc', '#include <boost/asio.hpp>', 'include'),
    ('daemon/ctl/a.cc', '  #  include   <libvirt/libvirt.h>  // "why not"', 'include'),
    ('daemon/attic/a.cc', '#include <string>', 'include'),
    ('daemon/base/util.h', '', 'name'),
    ('daemon/base/string_utils.cc', '', 'name'),
    ('daemon/base/common.cmake', '', 'name'),
    ('tests/support/test_helper.py', '', 'name'),
    ('daemon/misc/a.cc', '', 'name'),
    ('daemon/broker/vm_manager.h', '', 'name'),
    ('daemon/base/a/b/c.txt', '', 'depth'),
    ('tests/unit/broker/deep/a_test.cc', '', 'depth'),
    ('daemon/base/a.cc', 'int x;\n' * 301, 'size'),
    ('daemon/base/a.h', 'int x;\n' * 151, 'size'),
    ('tests/unit/base/a.cc', 'int x;\n' * 301, 'size'),
    ('tests/unit/gate/gate_test.cc', 'int x;\n' * 401, 'size'),
    ('storage/a.cc', 'int r = system("qemu-img");', 'call'),
    ('storage/a.cc', 'int r = std::system(text);', 'call'),
    ('storage/a.cc', 'FILE* f = ::popen (text, "r");', 'call'),
    ('daemon/config/a.cc', 'auto x = json.at("a");', 'json'),
    ('daemon/config/a.cc', 'auto x = json.get<int>();', 'json'),
    ('daemon/config/a.cc', 'auto x = it->get_ref<std::string&>();', 'json'),
    ('daemon/config/a.cc', 'json.get_to(x);', 'json'),
    ('daemon/state/a.cc', 'auto x = json["a"];', 'json'),
    ('daemon/state/a.cc', 'if (json["a"] == 1) {}', 'json'),
    ('daemon/state/a.cc', 'auto x = json.value("a", 1);', 'json'),
    ('daemon/ctl/a.cc', 'auto x = nlohmann::json::parse(text);', 'json'),
    ('storage/image_manifest.cc', 'auto x = Json::parse(text, nullptr, true);', 'json'),
    ('daemon/ctl/a.cc', 'auto x = json.dump(2);', 'json'),
]

INNOCENT = [
    ('daemon/base/a.cc', '#include "daemon/base/error.h"\n#include <absl/status/status.h>\n#include <sys/stat.h>'),
    ('daemon/base/a.cc', '// #include "daemon/broker/records.h"\n/* #include <libvirt/libvirt.h>\n#include <x/y.h> */'),
    ('daemon/base/a.cc', 'auto x = "#include <libvirt/libvirt.h>";  // std::system("x")'),
    ('network/a.cc', '#include <libvirt/libvirt.h>\n#include "daemon/libvirt/connection.h"\n#include "pugixml.hpp"'),
    ('storage/image_manifest.cc', '#include "nlohmann/json.hpp"'),
    ('storage/sha256.cc', '#include <openssl/evp.h>'),
    ('guestlib/src/file_digest.cc', '#include <openssl/evp.h>'),
    ('storage/extfs/a.cc', '#include <ext2fs/ext2fs.h>\n#include "storage/extent.h"'),
    ('daemon/ctl/a.cc', '#include "storage/catalog_editor.h"\n#include "daemon/config/parse_config.h"'),
    ('daemon/broker/a.h', '#include "daemon/hypervisor/hypervisor.h"\n#include "network/address_pool.h"'),
    ('daemon/app/a.cc', '#include <libvirt/libvirt.h>\n#include "daemon/gate/gate.h"'),
    ('daemon/main.cc', '#include <CLI/CLI.hpp>\n#include "daemon/app/daemon.h"'),
    ('guestlib/src/a.cc', '#include "convert.h"\n#include "flatvm/client.h"\n#include "flatvm/v1/types.pb.h"'),
    ('guestlib/include/flatvm/client.h', '#include "flatvm/error.h"\n#include <string>'),
    ('daemon/base/a.cc', 'int x;\n' * 300),
    ('tests/unit/gate/gate_test.cc', 'int x;\n' * 400),
    ('tests/unit/base/a.cc', '#include "anything/at_all.h"\nint r = system("x");'),
    ('storage/a.cc', 'error_code(e, std::system_category()); x.system(); file_system(y);'),
    ('storage/a.cc', 'auto t = std::chrono::system_clock::now();'),
    ('daemon/config/a.cc', "char c = '\"'; auto n = 1'000'000; auto p = v.get_ptr<const int*>(); x = unique.get();"),
    ('daemon/config/a.cc', 'auto x = R"({"a": json.at("b")})"; auto y = Json::parse(t, nullptr, false); z = maybe.value();'),
    ('daemon/state/a.cc', 'json["a"] = 1; s = json.dump(2, \' \', false, Json::error_handler_t::replace);'),
    ('daemon/broker/a.cc', 'auto x = map.at("a");'),
    ('daemon/base/communal.cc', ''),
    ('tests/testbed/l0/etc/systemd/system/proc-sys-fs-binfmt_misc.automount', ''),
]


class Scanner(unittest.TestCase):
    def test_finds_every_offender(self):
        for path, code, rule in OFFENDERS:
            with self.subTest(path=path, code=code[:60]):
                self.assertEqual({finding.rule for finding in scan.check_file(path, code)}, {rule})

    def test_leaves_the_innocent_alone(self):
        for path, code in INNOCENT:
            with self.subTest(path=path, code=code[:60]):
                self.assertEqual(scan.check_file(path, code), [])

    def test_names_the_line(self):
        code = '/* two\nlines */\n\n#include <libvirt/libvirt.h>\nauto x = R"(a\nb)"; int r = system(x);\n'
        lines = {finding.rule: finding.line for finding in scan.check_file('daemon/broker/a.cc', code)}
        self.assertEqual(lines, {'include': 4, 'call': 6})

    def test_has_an_offender_for_every_room(self):
        offended = {scan.room_of(path) for path, _, rule in OFFENDERS if rule == 'include'}
        closed = {room for room, may in law.ROOMS.items() if not may.everything}
        self.assertEqual(closed - offended, set())


if __name__ == '__main__':
    if '--list' in sys.argv:
        print('\n'.join(map(str, findings_of_tree())))
    else:
        unittest.main()
