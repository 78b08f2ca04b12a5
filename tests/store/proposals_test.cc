// What is proposed and not answered yet.
#include "store/proposals.h"

#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

Proposal Make(uint64_t number, absl::Duration since = absl::ZeroDuration()) {
  Proposal out;
  out.number = number;
  out.since = since;
  return out;
}

std::vector<uint64_t> NumbersOf(const std::vector<Proposal*>& proposals) {
  std::vector<uint64_t> out;
  for (const Proposal* proposal : proposals) out.push_back(proposal->number);
  return out;
}
std::vector<uint64_t> NumbersOf(const std::vector<Proposal>& proposals) {
  std::vector<uint64_t> out;
  for (const Proposal& proposal : proposals) out.push_back(proposal.number);
  return out;
}

using Numbers = std::vector<uint64_t>;

TEST_CASE("ProposalsAreGivenByAgeAndAgainOnceALaterTermHasBegun") {
  Proposals proposals;
  for (uint64_t number = 1; number <= 4; ++number) proposals.Add(Make(number));
  for (Proposal* proposal : proposals.ToGive(absl::ZeroDuration())) {
    proposal->term = proposal->number < 3 ? 5 : 7;
    proposal->given = absl::Seconds(proposal->number);
  }
  CHECK(proposals.ToGive(absl::Seconds(1)).empty());
  CHECK(NumbersOf(proposals.ToGive(absl::Seconds(3))) == Numbers{1, 2});
  proposals.OnApplied(5);  // They may still come.
  CHECK(proposals.ToGive(absl::ZeroDuration()).empty());
  proposals.OnApplied(6);
  CHECK(NumbersOf(proposals.ToGive(absl::ZeroDuration())) == Numbers{1, 2});
  proposals.OnApplied(8);
  CHECK(NumbersOf(proposals.ToGive(absl::ZeroDuration())) == Numbers{1, 2, 3, 4});
}

TEST_CASE("AProposalIsTakenOnceAndTheOldestMovesOn") {
  Proposals proposals;
  for (uint64_t number = 3; number <= 5; ++number) proposals.Add(Make(number));
  CHECK(proposals.oldest() == 3);
  CHECK(proposals.Take(3)->number == 3);
  CHECK(!proposals.Take(3).has_value());
  CHECK(proposals.oldest() == 4);
  CHECK(proposals.Take(5).has_value());
  CHECK(proposals.oldest() == 4);
  CHECK(proposals.Take(4).has_value());
  CHECK(proposals.empty());
  CHECK(proposals.oldest() == 6);  // What comes next is greater than all that was.
}

TEST_CASE("ProposalsAreTakenOutByAgeByWhereTheyAreOrAll") {
  Proposals proposals;
  for (uint64_t number = 1; number <= 5; ++number) {
    proposals.Add(Make(number, absl::Seconds(number)));
  }
  CHECK(NumbersOf(proposals.TakeOlder(absl::Seconds(2))) == Numbers{1});
  for (Proposal* proposal : proposals.ToGive(absl::ZeroDuration())) {
    if (proposal->number != 4) proposal->term = 1;
  }
  CHECK(NumbersOf(proposals.TakeGiven()) == Numbers{2, 3, 5});
  CHECK(NumbersOf(proposals.TakeAll()) == Numbers{4});
  CHECK(proposals.empty());
}

TEST_CASE("WhatComesTwiceIsNotedOnce") {
  Given given;
  CHECK(given.Note(1, 10, 1, 1));
  CHECK(!given.Note(1, 10, 1, 1));
  CHECK(given.Note(1, 10, 3, 1));
  CHECK(given.Note(1, 11, 1, 1));  // Another life of it,
  CHECK(given.Note(2, 10, 1, 1));  // another member.
}

TEST_CASE("WhatIsAnsweredAlreadyIsNotTakenAgain") {
  Given given;
  CHECK(given.Note(1, 10, 1, 1));
  CHECK(given.Note(1, 10, 4, 4));
  CHECK(!given.Note(1, 10, 1, 4));
  CHECK(!given.Note(1, 10, 3, 2));  // It was on its way while a later one came.
  CHECK(given.Note(1, 10, 5, 4));
}

TEST_CASE("WhatIsForgottenMayComeAgain") {
  Given given;
  CHECK(given.Note(1, 10, 1, 1));
  CHECK(given.Note(1, 10, 2, 1));
  given.Forget(1, 10, {2});
  CHECK(!given.Note(1, 10, 1, 1));
  CHECK(given.Note(1, 10, 2, 1));
}

}  // namespace
}  // namespace skiff::store
