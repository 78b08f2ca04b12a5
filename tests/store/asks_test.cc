#include "store/asks.h"

#include <catch2/catch.hpp>
#include <optional>

namespace skiff::store {
namespace {

raft::Core Alone() {
  raft::Persistent persistent;
  persistent.checkpoint.config.voters = {1};
  persistent.checkpoint.config.notes = {{1, "a sim:1"}};
  raft::Core core({}, std::move(persistent), Rng(1));
  core.Campaign();
  const raft::Ready ready = core.TakeReady();
  core.Persisted(ready.append.back().index, ready.append.back().term);
  return core;
}

void Write(raft::Core* core) {
  const raft::Ready ready = core->TakeReady();
  if (!ready.append.empty()) {
    core->Persisted(ready.append.back().index, ready.append.back().term);
  }
}

void Nowhere(raft::Message) { FAIL("nobody else is there"); }

TEST_CASE("an ask is its bytes, and less is none") {
  const Ask ask{{.add = {{4, "d sim:4"}}, .promote = {2, 3}, .remove = {1}}, 7};
  const std::string bytes = EncodeAsk(ask);
  Ask out;
  REQUIRE(DecodeAsk(bytes, &out));
  CHECK(out.lead == 7);
  CHECK(out.change.add == ask.change.add);
  CHECK(out.change.promote == ask.change.promote);
  CHECK(out.change.remove == ask.change.remove);
  for (size_t size = 0; size < bytes.size(); ++size) {
    Ask part;
    CHECK(!DecodeAsk(absl::string_view(bytes).substr(0, size), &part));
  }
  Ask more;
  CHECK(!DecodeAsk(bytes + "x", &more));
}

TEST_CASE("a change is done once its entry is applied, and not before") {
  raft::Core core = Alone();
  Asks asks(1, absl::Milliseconds(50));
  std::optional<absl::Status> done;
  asks.Add({{.add = {{2, "b sim:2"}}}, 0}, absl::ZeroDuration(),
           [&](absl::Status status) { done = std::move(status); });
  asks.Step(&core, absl::ZeroDuration(), Nowhere);
  Write(&core);
  asks.AnswerDone(core, core.commit() - 1, Nowhere);
  CHECK(!done.has_value());
  asks.AnswerDone(core, core.commit(), Nowhere);
  REQUIRE(done.has_value());
  CHECK(done->ok());
  CHECK(asks.empty());
  CHECK(core.config().learners == std::set<raft::MemberId>{2});
}

TEST_CASE("what cannot be is refused at once, what may yet be after a while") {
  raft::Core core = Alone();
  Asks asks(1, absl::Milliseconds(50));
  std::optional<absl::Status> taken;
  std::optional<absl::Status> silent;
  asks.Add({{.add = {{2, "a sim:2"}}}, 0}, absl::ZeroDuration(),
           [&](absl::Status status) { taken = std::move(status); });
  asks.Add({{.add = {{3, "c sim:3"}}}, 0}, absl::ZeroDuration(), [](const absl::Status&) {});
  asks.Step(&core, absl::ZeroDuration(), Nowhere);
  REQUIRE(taken.has_value());
  CHECK(absl::IsAlreadyExists(*taken));
  Write(&core);
  asks.AnswerDone(core, core.commit(), Nowhere);
  asks.Add({{.promote = {3}}, 0}, absl::ZeroDuration(),
           [&](absl::Status status) { silent = std::move(status); });
  asks.Step(&core, absl::Seconds(6), Nowhere);
  CHECK(!silent.has_value());
  asks.Step(&core, absl::Seconds(6) + absl::Seconds(7), Nowhere);
  REQUIRE(silent.has_value());
  CHECK(absl::IsFailedPrecondition(*silent));
}

TEST_CASE("who asked for another leader is answered once it follows one") {
  raft::Persistent persistent;
  persistent.checkpoint.config.voters = {1, 2, 3};
  raft::Core core({}, std::move(persistent), Rng(1));
  const auto hear_from = [&](raft::MemberId leader, raft::Term term) {
    core.Step({raft::MessageType::kAppend, leader, 1, term});
    core.TakeReady();
  };
  hear_from(2, 1);
  Asks asks(1, absl::Milliseconds(50));
  std::optional<absl::Status> done;
  asks.Add({{}, 3}, absl::ZeroDuration(), [&](absl::Status status) { done = std::move(status); });
  std::optional<raft::Message> told;
  asks.Step(&core, absl::ZeroDuration(), [&](raft::Message message) { told = std::move(message); });
  REQUIRE(told.has_value());
  raft::Message answer{raft::MessageType::kAnswered, 2, 1, 2};
  answer.context = told->context;
  answer.data = std::string(2, '\0');  // OK, and no text.
  asks.OnAnswered(answer);
  asks.AnswerDone(core, core.commit(), Nowhere);
  CHECK(!done.has_value());  // It still takes 2 for the leader.
  hear_from(3, 2);
  asks.Step(&core, absl::Seconds(1), Nowhere);
  asks.AnswerDone(core, core.commit(), Nowhere);
  REQUIRE(done.has_value());
  CHECK(done->ok());
}

TEST_CASE("what nobody has answered is given up, and it is said whether it may yet be done") {
  raft::Persistent persistent;
  persistent.checkpoint.config.voters = {1, 2};
  raft::Core core({}, std::move(persistent), Rng(1));
  Asks asks(1, absl::Milliseconds(50));
  std::optional<absl::Status> done;
  asks.Add({{.remove = {2}}, 0}, absl::ZeroDuration(),
           [&](absl::Status status) { done = std::move(status); });
  asks.Step(&core, absl::ZeroDuration(), Nowhere);  // No leader is known.
  asks.Expire(absl::ZeroDuration(), absl::UnavailableError("no"), absl::UnknownError("maybe"));
  CHECK(!done.has_value());
  asks.Expire(absl::Seconds(1), absl::UnavailableError("no"), absl::UnknownError("maybe"));
  REQUIRE(done.has_value());
  CHECK(absl::IsUnavailable(*done));
}

}  // namespace
}  // namespace skiff::store
