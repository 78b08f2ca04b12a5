#include "tests/sim/owner_checker.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/api/from_json.h"

namespace skiff::sim {
namespace {

using Type = store::Event::Type;

// A pod as JSON says it to be, of this uid.
store::Event PodEvent(uint64_t revision, const std::string& name, const std::string& uid,
                      const std::string& node, const std::string& address,
                      const std::string& phase = "Running", bool host_network = false) {
  const std::string json =
      absl::StrCat(R"({"metadata":{"name":")", name, R"(","namespace":"default","uid":")", uid,
                   R"("},"spec":{"nodeName":")", node, R"(","hostNetwork":)",
                   host_network ? "true" : "false", R"(},"status":{"phase":")", phase,
                   R"(","podIP":")", address, R"(","podIPs":[{"ip":")", address, R"("}]}})");
  return {Type::kPut, absl::StrCat("/pods/default/", name), revision,
          api::ObjectFromJson<corev1::Pod>(json), nullptr};
}

store::Event ServiceEvent(uint64_t revision, const std::string& name, const std::string& address) {
  const std::string json = absl::StrCat(R"({"metadata":{"name":")", name,
                                        R"(","namespace":"default"},"spec":{"clusterIP":")",
                                        address, R"(","clusterIPs":[")", address, R"("]}})");
  return {Type::kPut, absl::StrCat("/services/default/", name), revision,
          api::ObjectFromJson<corev1::Service>(json), nullptr};
}

store::Event Gone(uint64_t revision, store::Event event) {
  event.type = Type::kDelete;
  event.revision = revision;
  return event;
}

std::vector<std::string> Faults(const std::vector<store::Event>& events) {
  OwnerChecker checker;
  checker.Observe(events);
  // One by one it is the same, as long as transactions are whole.
  OwnerChecker stepwise;
  for (size_t i = 0; i < events.size();) {
    std::vector<store::Event> transaction;
    const uint64_t revision = events[i].revision;
    for (; i < events.size() && events[i].revision == revision; ++i) {
      transaction.push_back(events[i]);
    }
    stepwise.Observe(transaction);
  }
  CHECK(checker.faults() == stepwise.faults());
  return checker.faults();
}

}  // namespace

TEST_CASE("APodIsBoundOnce") {
  CHECK(Faults({PodEvent(1, "a", "u1", "", ""), PodEvent(2, "a", "u1", "n1", ""),
                PodEvent(3, "a", "u1", "n1", "10.0.0.1")})
            .empty());
  const auto faults = Faults({PodEvent(1, "a", "u1", "n1", ""), PodEvent(2, "a", "u1", "n2", "")});
  REQUIRE(faults.size() == 1);
  CHECK(faults[0] ==
        "revision 2: pod /pods/default/a (uid u1) was bound to node n1 and is now on "
        "\"n2\"");
  CHECK(Faults({PodEvent(1, "a", "u1", "n1", ""), PodEvent(2, "a", "u1", "", "")}).size() == 1);
}

TEST_CASE("ANewPodOfTheSameNameMayBeBoundElsewhere") {
  const auto pod = PodEvent(1, "a", "u1", "n1", "10.0.0.1");
  CHECK(Faults({pod, Gone(2, pod), PodEvent(3, "a", "u2", "n2", "10.0.0.2")}).empty());
}

TEST_CASE("AnAddressHasOneOwnerAtARevision") {
  const auto pod = PodEvent(1, "a", "u1", "n1", "10.0.0.1");
  const auto faults = Faults({pod, PodEvent(2, "b", "u2", "n2", "10.0.0.1")});
  REQUIRE(faults.size() == 1);
  CHECK(faults[0] ==
        "revision 2: address 10.0.0.1 belongs to /pods/default/a and to "
        "/pods/default/b");
  CHECK(Faults({pod, ServiceEvent(2, "s", "10.0.0.1")}).size() == 1);
  CHECK(Faults({ServiceEvent(1, "s", "10.96.0.1"), ServiceEvent(2, "t", "10.96.0.1")}).size() == 1);
  CHECK(Faults({pod, PodEvent(2, "b", "u2", "n2", "10.0.0.2"), ServiceEvent(3, "s", "10.96.0.1")})
            .empty());
}

TEST_CASE("AnAddressMayBeTakenOnceItIsFree") {
  const auto pod = PodEvent(1, "a", "u1", "n1", "10.0.0.1");
  const auto next = PodEvent(3, "b", "u2", "n1", "10.0.0.1");
  CHECK(Faults({pod, Gone(2, pod), next}).empty());
  CHECK(Faults({pod, PodEvent(2, "a", "u1", "n1", "10.0.0.1", "Succeeded"), next}).empty());
  CHECK(Faults({pod, PodEvent(2, "a", "u1", "n1", "10.0.0.9"), next}).empty());
  // Handed over within one transaction, in either order.
  CHECK(Faults({pod, next, Gone(3, pod)}).empty());
  CHECK(Faults({pod, Gone(3, pod), next}).empty());
}

TEST_CASE("NobodyOwnsTheAddressOfAHostOrNone") {
  CHECK(Faults({PodEvent(1, "a", "u1", "n1", "10.0.0.1", "Running", true),
                PodEvent(2, "b", "u2", "n1", "10.0.0.1", "Running", true)})
            .empty());
  CHECK(Faults({ServiceEvent(1, "s", "None"), ServiceEvent(2, "t", "None"),
                ServiceEvent(3, "u", ""), ServiceEvent(4, "v", "")})
            .empty());
}

}  // namespace skiff::sim
