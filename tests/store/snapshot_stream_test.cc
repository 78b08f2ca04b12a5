// A state in chunks.
#include "store/snapshot_stream.h"

#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

TEST_CASE("a state that was sent in part goes on where it was, whoever sends the rest") {
  std::vector<std::pair<std::string, api::ObjectPtr>> objects;
  for (int i = 10; i < 30; ++i) {
    const std::string name = absl::StrCat("k", i);
    objects.emplace_back(MapKey(name), api::Object::Make(Map(name, std::string(100'000, 'x'))));
  }
  const auto state =
      std::make_shared<const TreeSnapshot>(ObjectTree::FromSorted(std::move(objects)), 7);
  const raft::Checkpoint checkpoint{50, 1, {}, "7"};
  SnapshotReceiver receiver;
  const auto deliver = [&](SnapshotSender* sender, uint64_t until) {
    for (int round = 0; round < 100; ++round) {
      while (const auto bytes = sender->Next()) {
        const auto chunk = DecodeChunk(*bytes);
        REQUIRE(chunk.ok());
        if (receiver.next() < until) REQUIRE(receiver.Take(*chunk).ok());
      }
      if (receiver.next() >= until || receiver.whole()) return;
      sender->OnAck({50, receiver.next(), false}, absl::ZeroDuration());
    }
  };
  SnapshotSender first(state, checkpoint, absl::ZeroDuration());
  deliver(&first, 7);
  REQUIRE(receiver.next() == 7);
  // The first gave up; this one has sent less than the receiver has.
  SnapshotSender second(state, checkpoint, absl::ZeroDuration());
  deliver(&second, 1000);
  CHECK(receiver.whole());
  CHECK(second.OnAck({50, receiver.next(), true}, absl::ZeroDuration()));
  CHECK(receiver.TakeTree().size() == 20);
}

}  // namespace
}  // namespace skiff::store
