#include "absl/strings/escaping.h"
#include "tests/apiserver/rest_fixture.h"

namespace skiff::apiserver {
namespace {

const api::ResourceInfo& Maps() { return api::ResourceOf<corev1::ConfigMap>(); }

void CreateMaps(SimServer* api, int count) {
  for (int i = 0; i < count; ++i) {
    auto map = Map(absl::StrCat("m", i));
    (*map->mutable_metadata()->mutable_labels())["odd"] = i % 2 == 1 ? "yes" : "no";
    REQUIRE(api->Create(std::move(map)).ok());
  }
}

TEST_CASE("ListsSelectByNamespaceLabelsAndFields") {
  SimServer api;
  CreateMaps(&api, 4);
  auto far = Map("far");
  far->mutable_metadata()->set_namespace_("kube-system");
  REQUIRE(api.Create(std::move(far)).ok());
  const auto names = [&](client::ListOptions options) {
    const auto list = api.List(Maps(), std::move(options));
    REQUIRE(list.ok());
    CHECK(list->revision == api.server->revision());
    return NamesOf(*list);
  };
  client::ListOptions options;
  CHECK(names(options) == "m0 m1 m2 m3 far");
  options.name_space = "default";
  CHECK(names(options) == "m0 m1 m2 m3");
  options.label_selector = "odd=yes";
  CHECK(names(options) == "m1 m3");
  options.field_selector = "metadata.name=m3";
  CHECK(names(options) == "m3");
  options.field_selector = "metadata.name=m2";
  CHECK(names(options).empty());
  options = {};
  options.field_selector = "metadata.name=far";
  CHECK(names(options) == "far");
  options.field_selector = "spec.color=red";
  CHECK(Text(api.List(Maps(), options).status()).substr(0, 15) == "400 BadRequest:");
  options = {};
  options.limit = -1;
  CHECK(absl::IsInvalidArgument(api.List(Maps(), options).status()));
}

TEST_CASE("PagesAreOfOneRevisionWhateverIsWrittenMeanwhile") {
  SimServer api;
  CreateMaps(&api, 5);
  client::ListOptions options;
  options.name_space = "default";
  options.limit = 2;
  auto page = api.List(Maps(), options);
  REQUIRE(page.ok());
  CHECK(NamesOf(*page) == "m0 m1");
  CHECK(page->remaining == 3);
  const uint64_t revision = page->revision;
  REQUIRE(api.Delete<corev1::ConfigMap>("m2").ok());
  REQUIRE(api.Create(Map("m21")).ok());
  options.continue_token = page->continue_token;
  page = api.List(Maps(), options);
  REQUIRE(page.ok());
  CHECK(NamesOf(*page) == "m2 m3");
  CHECK(page->remaining == 1);
  CHECK(page->revision == revision);
  options.continue_token = page->continue_token;
  page = api.List(Maps(), options);
  REQUIRE(page.ok());
  CHECK(NamesOf(*page) == "m4");
  CHECK(page->continue_token.empty());
  CHECK(page->remaining == 0);
}

TEST_CASE("SelectedPagesAreFullAndUncounted") {
  SimServer api;
  CreateMaps(&api, 9);
  client::ListOptions options;
  options.label_selector = "odd=yes";
  options.limit = 3;
  auto page = api.List(Maps(), options);
  REQUIRE(page.ok());
  CHECK(NamesOf(*page) == "m1 m3 m5");
  CHECK(page->remaining == 0);
  options.continue_token = page->continue_token;
  page = api.List(Maps(), options);
  CHECK(NamesOf(*page) == "m7");
  CHECK(page->continue_token.empty());
}

TEST_CASE("TokensThatAreNoneAreRefused") {
  SimServer api;
  CreateMaps(&api, 3);
  client::ListOptions options;
  options.limit = 1;
  for (const std::string& token :
       {std::string("!!"), std::string("YWJj"), absl::WebSafeBase64Escape("1"),
        absl::WebSafeBase64Escape("x 1 /configmaps/default/a"),
        absl::WebSafeBase64Escape(absl::StrCat(api.server->revision(), " 1 /pods/default/a"))}) {
    INFO(token);
    options.continue_token = token;
    CHECK(Text(api.List(Maps(), options).status()).substr(0, 15) == "400 BadRequest:");
  }
}

TEST_CASE("ATokenOutlivesHistoryForAWhileThenExpires") {
  store::StoreOptions small;
  small.history_events = 10;
  SimServer api(std::move(small));
  CreateMaps(&api, 5);
  client::ListOptions options;
  options.limit = 2;
  const auto page = api.List(Maps(), options);
  REQUIRE(page.ok());
  options.continue_token = page->continue_token;
  for (int i = 0; i < 50; ++i) REQUIRE(api.Update(Map("m0", absl::StrCat(i))).ok());
  CHECK(NamesOf(*api.List(Maps(), options)) == "m2 m3");
  api.sim.RunFor(absl::Minutes(6));
  client::ListOptions other;
  other.limit = 1;
  REQUIRE(api.List(Maps(), other).ok());  // Clears what has run out.
  const std::string answer = Text(api.List(Maps(), options).status());
  CHECK(answer.substr(0, 12) == "410 Expired:");
  CHECK(absl::StrContains(answer, "start a new list without the continue parameter"));
}

TEST_CASE("ListsAtARevision") {
  SimServer api;
  CreateMaps(&api, 2);
  const uint64_t before = api.server->revision();
  REQUIRE(api.Delete<corev1::ConfigMap>("m0").ok());
  client::ListOptions options;
  options.revision = before;
  const auto newer = api.List(Maps(), options);
  REQUIRE(newer.ok());
  CHECK(NamesOf(*newer) == "m1");
  const auto exact = api.List(Maps(), options, /*exact=*/true);
  REQUIRE(exact.ok());
  CHECK(NamesOf(*exact) == "m0 m1");
  CHECK(exact->revision == before);
  options.revision = 10'000;
  CHECK(absl::StrContains(Text(api.List(Maps(), options).status()),
                          "504 Timeout: Timeout: Too large resource version: 10000"));
}

TEST_CASE("AWatchFromNowBeginsWithWhatIsThere") {
  SimServer api;
  CreateMaps(&api, 2);
  WatchLog log;
  const auto watch = api.server->StartWatch(Maps(), {}, api.loop.get(), log.Sink());
  CHECK(log.text.empty());  // Never from within the call.
  REQUIRE(api.sim.RunDue());
  CHECK(log.Take() == "+m0 +m1 |");
  CHECK(log.events.back().revision == api.server->revision());
  REQUIRE(api.Create(Map("m2")).ok());
  REQUIRE(api.Update(Map("m2", "2")).ok());
  REQUIRE(api.Delete<corev1::ConfigMap>("m2").ok());
  CHECK(log.Take() == "+m2 ~m2 -m2");
  CHECK(log.events.back().object->revision() == api.server->revision());
}

TEST_CASE("AWatchFromARevisionHasNoGapAndNoRepeat") {
  SimServer api;
  const uint64_t start = api.server->revision();
  CreateMaps(&api, 2);
  WatchLog log;
  client::WatchOptions options;
  options.after_revision = start + 1;
  const auto watch = api.server->StartWatch(Maps(), options, api.loop.get(), log.Sink());
  REQUIRE(api.sim.RunDue());
  CHECK(log.Take() == "+m1");
  REQUIRE(api.Update(Map("m0", "2")).ok());
  CHECK(log.Take() == "~m0");
}

// One revision, one change: who saw the first of two would take the second for a repeat.
TEST_CASE("AWatchSeesWhatSeveralWritesOfOneTransactionMadeOfAnObject") {
  SimServer api;
  auto pod = MakePod("p");
  pod->mutable_metadata()->add_finalizers("example.com/held");
  REQUIRE(api.Create(std::move(pod)).ok());
  REQUIRE(api.Bind("p", "n1").ok());
  WatchLog log;
  const auto watch =
      api.server->StartWatch(api::ResourceOf<corev1::Pod>(), {}, api.loop.get(), log.Sink());
  REQUIRE(api.sim.RunDue());
  CHECK(log.Take() == "+p |");
  auto freed = api.Find<corev1::Pod>("p")->CopyAs<corev1::Pod>();
  freed->mutable_metadata()->clear_finalizers();
  std::vector<client::Write> writes;
  writes.push_back(client::Write::Update(std::move(freed)));
  writes.push_back(client::Write::Delete(*api.Find<corev1::Pod>("p")));
  REQUIRE(api.Write(std::move(writes)).ok());
  CHECK(log.Take() == "~p");
  const metav1::ObjectMeta& seen = log.events.back().object->meta();
  CHECK(seen.finalizers().empty());
  CHECK(seen.has_deletion_timestamp());
  // And where the last of them removes it, that it is gone.
  client::Write last = client::Write::Delete(*api.Find<corev1::Pod>("p"));
  last.grace_period_seconds = 0;
  auto told = api.Find<corev1::Pod>("p")->CopyAs<corev1::Pod>();
  told->mutable_status()->set_phase("Failed");
  std::vector<client::Write> more;
  more.push_back(client::Write::Update(std::move(told), "status"));
  more.push_back(std::move(last));
  REQUIRE(api.Write(std::move(more)).ok());
  CHECK(log.Take() == "-p");
  CHECK(api.Find<corev1::Pod>("p") == nullptr);
}

TEST_CASE("ASelectedWatchSeesComingAndGoing") {
  SimServer api;
  WatchLog log;
  client::WatchOptions options;
  options.label_selector = "in=yes";
  const auto watch = api.server->StartWatch(Maps(), options, api.loop.get(), log.Sink());
  const auto label = [&](const std::string& value) {
    REQUIRE(api.Edit<corev1::ConfigMap>("a",
                                        [&](corev1::ConfigMap* map) {
                                          (*map->mutable_metadata()->mutable_labels())["in"] =
                                              value;
                                        })
                .ok());
  };
  REQUIRE(api.Create(Map("a")).ok());
  CHECK(log.Take() == "|");
  label("yes");
  CHECK(log.Take() == "+a");
  REQUIRE(api.Edit<corev1::ConfigMap>(
                 "a", [](corev1::ConfigMap* map) { (*map->mutable_data())["more"] = "1"; })
              .ok());
  CHECK(log.Take() == "~a");
  label("no");
  CHECK(log.Take() == "-a");
  CHECK(log.events.back().object->meta().labels().at("in") == "yes");
  CHECK(log.events.back().object->revision() == api.server->revision());
  label("never");
  REQUIRE(api.Delete<corev1::ConfigMap>("a").ok());
  CHECK(log.Take().empty());
}

TEST_CASE("ANodesWatchSeesItsPodsOnly") {
  SimServer api;
  WatchLog log;
  client::WatchOptions options;
  options.field_selector = "spec.nodeName=n1";
  const auto watch =
      api.server->StartWatch(api::ResourceOf<corev1::Pod>(), options, api.loop.get(), log.Sink());
  REQUIRE(api.Create(MakePod("a")).ok());
  REQUIRE(api.Create(MakePod("b")).ok());
  REQUIRE(api.Bind("a", "n1").ok());
  REQUIRE(api.Bind("b", "n2").ok());
  CHECK(log.Take() == "| +a");
}

TEST_CASE("AWatchThatHistoryCannotServeSaysSo") {
  store::StoreOptions small;
  small.history_events = 5;
  SimServer api(std::move(small));
  CreateMaps(&api, 1);
  const uint64_t start = api.server->revision();
  for (int i = 0; i < 50; ++i) REQUIRE(api.Update(Map("m0", absl::StrCat("v", i))).ok());
  const auto end_of = [&](client::WatchOptions options) {
    WatchLog log;
    const auto watch = api.server->StartWatch(Maps(), options, api.loop.get(), log.Sink());
    CHECK_FALSE(log.ended);
    REQUIRE(api.sim.RunDue());
    CHECK(log.ended);
    return Text(log.end);
  };
  client::WatchOptions options;
  options.after_revision = start;
  CHECK(end_of(options).substr(0, 12) == "410 Expired:");
  options.after_revision = 100'000;
  CHECK(end_of(options).substr(0, 12) == "504 Timeout:");
  options = {};
  options.label_selector = "a in";
  CHECK(end_of(options).substr(0, 15) == "400 BadRequest:");
}

TEST_CASE("AWatchThatIsLetGoSaysNothingMore") {
  SimServer api;
  WatchLog log;
  auto watch = api.server->StartWatch(Maps(), {}, api.loop.get(), log.Sink());
  std::vector<client::Write> writes;
  writes.push_back(client::Write::Create(Map("a")));
  api.server->Write(std::move(writes), {}, api.loop.get(), [](auto) {});
  watch.reset();
  REQUIRE(api.sim.RunDue());
  CHECK(log.text.empty());
  CHECK_FALSE(log.ended);
}

TEST_CASE("ClosingTheStoreEndsItsWatches") {
  SimServer api;
  WatchLog log;
  const auto watch = api.server->StartWatch(Maps(), {}, api.loop.get(), log.Sink());
  REQUIRE(api.sim.RunDue());
  api.store->Close();
  REQUIRE(api.sim.RunDue());
  CHECK(log.ended);
  CHECK_FALSE(log.end.ok());
}

TEST_CASE("GetSaysWhatIsNotThere") {
  SimServer api;
  const auto missing = api.Wait<api::ObjectPtr>(
      [&](auto done) { api.server->Get(Maps(), "default", "x", api.loop.get(), std::move(done)); });
  CHECK(Text(missing.status()) == "404 NotFound: configmaps \"x\" not found");
}

}  // namespace
}  // namespace skiff::apiserver
