// The child of crash_test.cc: writes until it is killed, and says on descriptor 3 what was
// acknowledged.
#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

// Eight writers; each keeps one write under way and reports it when acknowledged.
class Writers {
 public:
  explicit Writers(LiveStore* live) : live_(live) {}

  void Next(uint64_t writer, uint64_t number) {
    const std::string name = absl::StrCat("w", writer);
    Txn txn = PutTxn(name, absl::StrCat(number));
    // A second object in the same transaction: they must never be seen apart.
    txn.ops.push_back(Op::Put(MapKey(name + "-twin"), Map(name + "-twin", absl::StrCat(number))));
    live_->store->Commit(std::move(txn), [=, this](absl::StatusOr<TxnResult> result) {
      if (!result.ok()) _exit(2);
      const uint64_t record[3] = {writer, number, result->revision};
      if (write(3, record, sizeof(record)) != sizeof(record)) _exit(3);
      Next(writer, number + 1);
    });
  }

 private:
  LiveStore* const live_;
};

}  // namespace

TEST_CASE("CrashWriter", "[.]") {
  LiveStore live(ChildArgument());
  Writers writers(&live);
  const auto snapshot = live.store->snapshot();
  for (uint64_t writer = 0; writer < 8; ++writer) {
    const auto object = snapshot->Get(MapKey(absl::StrCat("w", writer)));
    writers.Next(writer, object == nullptr ? 1 : std::stoull(ValueOf(object)) + 1);
  }
  Notification never;
  never.WaitForNotification();
}

}  // namespace skiff::store
