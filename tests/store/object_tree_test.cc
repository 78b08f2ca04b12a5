#include "store/object_tree.h"

#include <map>

#include "base/rng.h"
#include "store/state_machine.h"
#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

using Model = std::map<std::string, api::ObjectPtr>;

std::vector<std::string> KeysFrom(const ObjectTree& tree, const std::string& from) {
  std::vector<std::string> out;
  tree.Scan(from, [&](absl::string_view key, const api::ObjectPtr&) {
    out.emplace_back(key);
    return true;
  });
  return out;
}

void CheckSame(const ObjectTree& tree, const Model& model, const std::string& probe) {
  REQUIRE(tree.size() == model.size());
  const auto at = model.lower_bound(probe);
  REQUIRE(tree.Rank(probe) == static_cast<size_t>(std::distance(model.begin(), at)));
  const auto found = model.find(probe);
  REQUIRE(tree.Get(probe) == (found == model.end() ? nullptr : found->second));
  std::vector<std::string> expected;
  for (auto it = at; it != model.end(); ++it) expected.push_back(it->first);
  REQUIRE(KeysFrom(tree, probe) == expected);
}

}  // namespace

TEST_CASE("ATreeIsAnOrderedMapAndOldVersionsStay") {
  const api::ObjectPtr objects[2] = {api::Object::Make(Map("a", "1")),
                                     api::Object::Make(Map("b", "2"))};
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Rng rng(seed);
    ObjectTree tree;
    Model model;
    std::vector<std::pair<ObjectTree, Model>> versions;
    const auto random_key = [&] { return absl::StrCat("key/", rng.Below(300)); };
    for (int step = 0; step < 1500; ++step) {
      const std::string key = random_key();
      if (rng.Below(5) < 3) {
        const api::ObjectPtr& object = objects[rng.Below(2)];
        api::ObjectPtr previous;
        // In place where no version below has it, or not.
        tree = rng.Below(2) == 0 ? tree.With(key, object, &previous)
                                 : std::move(tree).With(key, object, &previous);
        REQUIRE(previous == (model.contains(key) ? model[key] : nullptr));
        model[key] = object;
      } else {
        tree = tree.Without(key);
        model.erase(key);
      }
      if (step % 50 == 0) {
        CheckSame(tree, model, random_key());
        versions.emplace_back(tree, model);
      }
    }
    for (const auto& [old_tree, old_model] : versions) CheckSame(old_tree, old_model, "key/2");
  }
}

TEST_CASE("ATreeFromSortedObjectsTakesChangesLikeAnyOther") {
  const api::ObjectPtr object = api::Object::Make(Map("a", "1"));
  for (const int size : {0, 1, 2, 3, 7, 100, 1000}) {
    Model model;
    for (int i = 0; i < size; ++i) model[absl::StrCat("key/", i)] = object;
    ObjectTree tree = ObjectTree::FromSorted({model.begin(), model.end()});
    CheckSame(tree, model, "key/1");
    for (int i = 0; i < size; i += 2) {
      tree = tree.Without(absl::StrCat("key/", i)).With(absl::StrCat("new/", i), object);
      model.erase(absl::StrCat("key/", i));
      model[absl::StrCat("new/", i)] = object;
    }
    CheckSame(tree, model, "key/5");
  }
}

TEST_CASE("AscendingAndDescendingKeysKeepTheTreeShallow") {
  // A tree that degenerates makes this quadratic, and recursion deep.
  const api::ObjectPtr object = api::Object::Make(Map("a", "1"));
  ObjectTree up;
  ObjectTree down;
  for (int i = 0; i < 20'000; ++i) {
    up = up.With(absl::StrCat(100'000 + i), object);
    down = down.With(absl::StrCat(200'000 - i), object);
  }
  CHECK(up.size() == 20'000);
  CHECK(down.Rank("190001") == 10'000);  // 180001 to 190000.
}

TEST_CASE("AScanEndsWhenTheVisitorSaysSo") {
  const api::ObjectPtr object = api::Object::Make(Map("a", "1"));
  ObjectTree tree;
  for (int i = 0; i < 100; ++i) tree = tree.With(absl::StrCat(100 + i), object);
  int visited = 0;
  tree.Scan("150", [&](absl::string_view, const api::ObjectPtr&) { return ++visited < 3; });
  CHECK(visited == 3);
}

TEST_CASE("SnapshotsScanAndCountByPrefix") {
  const api::ObjectPtr object = api::Object::Make(Map("a", "1"));
  ObjectTree tree;
  for (const char* key : {"/configmaps/a/x", "/configmaps/b/x", "/configmaps/b/y",
                          "/configmaps/bb/x", "/pods/b/x", "apps/deployments/b/x"}) {
    tree = tree.With(key, object);
  }
  const TreeSnapshot snapshot(tree, 7);
  const auto keys = [&](absl::string_view prefix, absl::string_view after) {
    std::vector<std::string> out;
    snapshot.Scan(prefix, after, [&](absl::string_view key, const api::ObjectPtr&) {
      out.emplace_back(key);
      return true;
    });
    return out;
  };
  using Keys = std::vector<std::string>;
  CHECK(snapshot.revision() == 7);
  CHECK(keys("/configmaps/b/", "") == Keys{"/configmaps/b/x", "/configmaps/b/y"});
  CHECK(keys("/configmaps/b/", "/configmaps/b/x") == Keys{"/configmaps/b/y"});
  CHECK(keys("/configmaps/b/", "/configmaps/b/y").empty());
  CHECK(keys("/configmaps/", "/configmaps/b/a").size() == 3);
  CHECK(keys("", "").size() == 6);
  CHECK(snapshot.Count("/configmaps/b/") == 2);
  CHECK(snapshot.Count("/configmaps/") == 4);
  CHECK(snapshot.Count("/nothing/") == 0);
  CHECK(snapshot.Count("") == 6);
}

}  // namespace skiff::store
