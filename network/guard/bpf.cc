#include "network/guard/bpf.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::guard {
namespace {

constexpr uint32_t kMaxKeys = 65536;  // memory is taken as they come
constexpr size_t kCheckText = size_t{64} << 10U;
constexpr size_t kCheckEnd = 160;  // where it says why
constexpr char kName[] = "flatvm_counts";
constexpr char kLicense[] = "GPL";  // some functions ask for it

template <typename T>
uint64_t Address(const T* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

int64_t Bpf(bpf_cmd command, bpf_attr* attributes) {
  return ::syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

// What a kernel hands out is CLOEXEC already.
absl::StatusOr<base::UniqueFd> BpfFd(bpf_cmd command, bpf_attr* attributes, std::string_view what) {
  const int64_t fd = Bpf(command, attributes);
  if (fd < 0) return base::ErrnoError(errno, what);
  return base::UniqueFd(static_cast<int>(fd));
}

absl::StatusOr<base::UniqueFd> MakeMap() {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_HASH;
  attributes.key_size = sizeof(uint32_t);
  attributes.value_size = sizeof(Counts);
  attributes.max_entries = kMaxKeys;
  attributes.map_flags = BPF_F_NO_PREALLOC;
  std::memcpy(attributes.map_name, kName, sizeof(kName));
  return BpfFd(BPF_MAP_CREATE, &attributes, "making the guard's map");
}

absl::StatusOr<bpf_map_info> InfoOf(int map) {
  bpf_map_info info{};
  bpf_attr attributes{};
  attributes.info.bpf_fd = static_cast<uint32_t>(map);
  attributes.info.info_len = sizeof(info);
  attributes.info.info = Address(&info);
  if (Bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) != 0) {
    return base::ErrnoError(errno, "asking for the guard's map");
  }
  return info;
}

// The map pinned at `path` if it is such a one.
std::optional<base::UniqueFd> GetPinned(const std::string& path) {
  bpf_attr attributes{};
  attributes.pathname = Address(path.c_str());
  absl::StatusOr<base::UniqueFd> fd = BpfFd(BPF_OBJ_GET, &attributes, "the guard's pinned map");
  if (!fd.ok()) return std::nullopt;
  const absl::StatusOr<bpf_map_info> info = InfoOf(fd->get());
  const bool fits = info.ok() && info->type == BPF_MAP_TYPE_HASH &&
                    info->key_size == sizeof(uint32_t) && info->value_size == sizeof(Counts);
  if (!fits) return std::nullopt;
  return *std::move(fd);
}

bool Pin(int map, const std::string& path) {
  ::mkdir(path.substr(0, path.rfind('/')).c_str(), S_IRWXU);  // where it fails, the pin does, too
  ::unlink(path.c_str());
  bpf_attr attributes{};
  attributes.pathname = Address(path.c_str());
  attributes.bpf_fd = static_cast<uint32_t>(map);
  return Bpf(BPF_OBJ_PIN, &attributes) == 0;
}

bpf_attr ElementOf(int map, const uint32_t* key) {
  bpf_attr attributes{};
  attributes.map_fd = static_cast<uint32_t>(map);
  attributes.key = Address(key);
  return attributes;
}

}  // namespace

absl::StatusOr<base::UniqueFd> LoadProgram(const std::vector<bpf_insn>& code) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insn_cnt = static_cast<uint32_t>(code.size());
  attributes.insns = Address(code.data());
  attributes.license = Address(kLicense);
  absl::StatusOr<base::UniqueFd> loaded =
      BpfFd(BPF_PROG_LOAD, &attributes, "loading a program of the guard");
  if (loaded.ok()) return loaded;
  // Once more for the reason, which takes its time.
  std::string said(kCheckText, '\0');
  attributes.log_level = 1;
  attributes.log_size = static_cast<uint32_t>(said.size());
  attributes.log_buf = Address(said.data());
  if (absl::StatusOr<base::UniqueFd> again =
          BpfFd(BPF_PROG_LOAD, &attributes, "loading a program of the guard");
      again.ok()) {
    return again;
  }
  said.resize(said.find('\0') == std::string::npos ? said.size() : said.find('\0'));
  const size_t begin = said.size() > kCheckEnd ? said.size() - kCheckEnd : 0;
  return base::InternalError(
      base::StrCat(base::Message(loaded.status()), ": ", base::EscapeForLog(said.substr(begin))));
}

absl::StatusOr<CountsMap> CountsMap::Open(const std::string& path) {
  bool pinned = true;
  std::optional<base::UniqueFd> map = GetPinned(path);
  if (!map) {
    FLATVM_ASSIGN_OR_RETURN(map, MakeMap());
    pinned = Pin(map->get(), path);
  }
  FLATVM_ASSIGN_OR_RETURN(const bpf_map_info info, InfoOf(map->get()));
  return CountsMap(*std::move(map), info.id, pinned);
}

absl::Status CountsMap::Ensure(uint32_t key) {
  const Counts zero;
  bpf_attr attributes = ElementOf(fd_.get(), &key);
  attributes.value = Address(&zero);
  attributes.flags = BPF_NOEXIST;
  if (Bpf(BPF_MAP_UPDATE_ELEM, &attributes) == 0 || errno == EEXIST) return absl::OkStatus();
  return base::ErrnoError(errno, "adding a tenant to the guard's map");
}

absl::Status CountsMap::Clear(uint32_t key) {
  const Counts zero;
  bpf_attr attributes = ElementOf(fd_.get(), &key);
  attributes.value = Address(&zero);
  attributes.flags = BPF_ANY;
  if (Bpf(BPF_MAP_UPDATE_ELEM, &attributes) == 0) return absl::OkStatus();
  return base::ErrnoError(errno, "beginning anew in the guard's map");
}

absl::StatusOr<std::vector<uint32_t>> CountsMap::ListKeys() const {
  std::vector<uint32_t> keys;
  uint32_t key = 0;
  bpf_attr attributes{};
  attributes.map_fd = static_cast<uint32_t>(fd_.get());  // without a key: the first
  attributes.next_key = Address(&key);
  while (Bpf(BPF_MAP_GET_NEXT_KEY, &attributes) == 0) {
    if (keys.size() == kMaxKeys) break;  // others come and go: it began anew
    keys.push_back(key);
    attributes.key = Address(&keys.back());
  }
  if (errno == ENOENT || keys.size() == kMaxKeys) return keys;
  return base::ErrnoError(errno, "listing the guard's map");
}

absl::StatusOr<Counts> CountsMap::Get(uint32_t key) const {
  Counts counts;
  bpf_attr attributes = ElementOf(fd_.get(), &key);
  attributes.value = Address(&counts);
  if (Bpf(BPF_MAP_LOOKUP_ELEM, &attributes) == 0) return counts;
  if (errno == ENOENT) return absl::NotFoundError("nothing is counted for the tenant");
  return base::ErrnoError(errno, "reading the guard's map");
}

absl::Status CountsMap::Remove(uint32_t key) {
  bpf_attr attributes = ElementOf(fd_.get(), &key);
  if (Bpf(BPF_MAP_DELETE_ELEM, &attributes) == 0 || errno == ENOENT) return absl::OkStatus();
  return base::ErrnoError(errno, "removing a tenant from the guard's map");
}

}  // namespace flatvm::guard
