// A state in chunks.
#include "store/snapshot_stream.h"

#include "store/txn_codec.h"
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

SnapshotChunk Sample() {
  SnapshotChunk chunk;
  chunk.checkpoint.index = 300;
  chunk.checkpoint.term = 7;
  chunk.checkpoint.config.voters = {1, 2};
  chunk.checkpoint.config.notes[1] = "a";
  chunk.checkpoint.note = "41";
  chunk.number = 3;
  chunk.last = true;
  chunk.rows.push_back({"k", std::string("row")});
  return chunk;
}

TEST_CASE("chunks and their acknowledgements come back as they were, or are damaged") {
  const std::string bytes = EncodeChunk(Sample());
  const auto chunk = DecodeChunk(bytes);
  REQUIRE(chunk.ok());
  CHECK(chunk->checkpoint.index == 300);
  CHECK(chunk->checkpoint.term == 7);
  CHECK(chunk->checkpoint.config == Sample().checkpoint.config);
  CHECK(chunk->checkpoint.note == "41");
  CHECK(chunk->number == 3);
  CHECK(chunk->last);
  REQUIRE(chunk->rows.size() == 1);
  CHECK(chunk->rows[0].key == "k");
  CHECK(*chunk->rows[0].value == "row");
  for (size_t size = 0; size < bytes.size(); ++size) {
    INFO(size);
    CHECK(absl::IsDataLoss(DecodeChunk(absl::string_view(bytes).substr(0, size)).status()));
  }
  CHECK(absl::IsDataLoss(DecodeChunk(bytes + "x").status()));

  const std::string acked = EncodeAck({300, 1'000'000, true});
  const auto ack = DecodeAck(acked);
  REQUIRE(ack.ok());
  CHECK(ack->index == 300);
  CHECK(ack->next == 1'000'000);
  CHECK(ack->done);
  for (size_t size = 0; size < acked.size(); ++size) {
    CHECK(absl::IsDataLoss(DecodeAck(absl::string_view(acked).substr(0, size)).status()));
  }
  CHECK(absl::IsDataLoss(DecodeAck(acked + "x").status()));
}

TEST_CASE("a receiver takes just the chunk that comes next of the state that it is at") {
  const auto chunk = [](raft::Index index, raft::Term term, uint64_t number, bool last = false) {
    SnapshotChunk out;
    out.checkpoint.index = index;
    out.checkpoint.term = term;
    out.checkpoint.note = absl::StrCat(index);
    out.number = number;
    out.last = last;
    return out;
  };
  const struct {
    const char* what;
    SnapshotChunk chunk;
    bool taken;
    uint64_t next;
    bool whole;
  } steps[] = {
      {"the first must be the first", chunk(50, 1, 1), false, 0, false},
      {"the first", chunk(50, 1, 0), true, 1, false},
      {"again", chunk(50, 1, 0), false, 1, false},
      {"one is missing", chunk(50, 1, 2), false, 1, false},
      {"of another state", chunk(60, 1, 1), false, 1, false},
      {"of another term", chunk(50, 2, 1), false, 1, false},
      {"the second", chunk(50, 1, 1), true, 2, false},
      {"another state begins", chunk(60, 2, 0), true, 1, false},
      {"of the one before", chunk(50, 1, 2), false, 1, false},
      {"the last", chunk(60, 2, 1, true), true, 2, true},
      {"after the last", chunk(60, 2, 2), false, 2, true},
  };
  SnapshotReceiver receiver;
  for (const auto& step : steps) {
    INFO(step.what);
    const auto taken = receiver.Take(step.chunk);
    REQUIRE(taken.ok());
    CHECK(*taken == step.taken);
    CHECK(receiver.next() == step.next);
    CHECK(receiver.whole() == step.whole);
  }
  CHECK(*receiver.revision() == 60);
}

TEST_CASE("rows out of order and states without a revision are damaged") {
  SnapshotChunk chunk;
  chunk.checkpoint.index = 5;
  chunk.checkpoint.note = "many";
  for (const char* name : {"b", "a"}) {
    auto map = Map(name, "1");
    api::MutableMetaOf(map.get())->set_resource_version("1");
    chunk.rows.push_back({MapKey(name), EncodeRow(*api::Object::Make(std::move(map)))});
  }
  SnapshotReceiver receiver;
  CHECK(absl::IsDataLoss(receiver.Take(chunk).status()));
  chunk.rows.clear();
  SnapshotReceiver other;
  REQUIRE(other.Take(chunk).ok());
  CHECK(absl::IsDataLoss(other.revision().status()));
}

TEST_CASE("a sender stays within its window and sends again what was lost") {
  std::vector<std::pair<std::string, api::ObjectPtr>> objects;
  for (int i = 10; i < 40; ++i) {
    const std::string name = absl::StrCat("k", i);
    objects.emplace_back(MapKey(name), api::Object::Make(Map(name, std::string(140'000, 'x'))));
  }
  const auto state =
      std::make_shared<const TreeSnapshot>(ObjectTree::FromSorted(std::move(objects)), 7);
  SnapshotSender sender(state, {50, 1, {}, "7"}, absl::ZeroDuration());
  const auto burst = [&] {
    std::vector<uint64_t> out;
    while (const auto bytes = sender.Next()) out.push_back(DecodeChunk(*bytes)->number);
    return out;
  };
  using Numbers = std::vector<uint64_t>;
  CHECK(burst() == Numbers{0, 1, 2, 3});
  CHECK(!sender.OnAck({51, 4, true}, absl::Seconds(1)));  // Of another state.
  CHECK(burst().empty());
  CHECK(!sender.OnAck({50, 2, false}, absl::Seconds(2)));
  CHECK(sender.progress() == absl::Seconds(2));
  CHECK(burst() == Numbers{4, 5});
  CHECK(!sender.OnAck({50, 2, false}, absl::Seconds(3)));
  CHECK(sender.progress() == absl::Seconds(2));
  sender.Rewind(absl::ZeroDuration());
  CHECK(burst() == Numbers{2, 3, 4, 5});
  CHECK(!sender.OnAck({50, 0, false}, absl::Seconds(4)));  // It has started anew.
  CHECK(burst() == Numbers{0, 1, 2, 3});
  CHECK(sender.OnAck({50, 4, true}, absl::Seconds(5)));
}

}  // namespace
}  // namespace skiff::store
