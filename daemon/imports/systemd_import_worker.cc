#include "daemon/imports/systemd_import_worker.h"

#include "daemon/base/error.h"
#include "daemon/base/packet_socket.h"
#include "daemon/imports/import_unit.h"
#include "daemon/imports/worker_session.h"

namespace flatvm::imports {

absl::StatusOr<std::unique_ptr<storage::ImportSession>> SystemdImportWorker::Begin(
    const std::string& tenant, const std::string& image_id, int file, uint64_t size_bytes) {
  FLATVM_ASSIGN_OR_RETURN(base::PacketPair pair, base::MakePacketPair());
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(options_.open_bus));
  FLATVM_RETURN_IF_ERROR(bus->ReplaceTransientUnit(
      ImportUnitName(tenant, image_id), ImportUnitProperties({.tenant = tenant,
                                                              .program = options_.program,
                                                              .size_bytes = size_bytes,
                                                              .link = pair.theirs.get()})));
  // Ours would keep the link open after the worker's end.
  pair.theirs.Reset();
  auto session = std::make_unique<WorkerSession>(std::move(pair.ours), options_.write_timeout);
  FLATVM_RETURN_IF_ERROR(session->Open(file, size_bytes));
  return session;
}

}  // namespace flatvm::imports
