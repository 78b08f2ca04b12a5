#include "store/recover.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "store/txn_codec.h"

namespace skiff::store {

absl::StatusOr<raft::Persistent> LoadCheckpoint(raft::Storage* storage, StateMachine* machine) {
  SKIFF_ASSIGN_OR_RETURN(raft::Persistent persistent, storage->Load());
  uint64_t revision = machine->revision();
  if (!persistent.checkpoint.note.empty() &&
      !absl::SimpleAtoi(persistent.checkpoint.note, &revision)) {
    return absl::DataLossError(absl::StrCat("the checkpoint on disk has no revision but \"",
                                            persistent.checkpoint.note,
                                            "\"; restore a snapshot or replace this member"));
  }
  std::vector<std::pair<std::string, api::ObjectPtr>> objects;
  SKIFF_RETURN_IF_ERROR(
      storage->ReadRows([&](absl::string_view key, absl::string_view value) -> absl::Status {
        SKIFF_ASSIGN_OR_RETURN(api::ObjectPtr object, DecodeRow(key, value));
        objects.emplace_back(std::string(key), std::move(object));
        return absl::OkStatus();
      }));
  machine->Restore(ObjectTree::FromSorted(std::move(objects)), revision);
  return persistent;
}

absl::Status ReplayLog(const raft::Persistent& persistent, const raft::Storage& storage,
                       StateMachine* machine) {
  const raft::Index first = persistent.checkpoint.index + 1;
  const raft::Index last = persistent.checkpoint.index + persistent.log.size();
  if (first > last) return absl::OkStatus();
  std::vector<Event> ignored;
  return storage.Read(first, last, [&](const raft::Entry& entry) -> absl::Status {
    if (entry.type != raft::EntryType::kData || entry.data.empty()) return absl::OkStatus();
    EntryOrigin origin;
    absl::string_view bytes;
    SKIFF_RETURN_IF_ERROR(DecodeOrigin(entry.data, &origin, &bytes));
    SKIFF_ASSIGN_OR_RETURN(Txn txn, DecodeTxn(bytes));
    machine->Apply(std::move(txn), &ignored);
    ignored.clear();
    return absl::OkStatus();
  });
}

}  // namespace skiff::store
