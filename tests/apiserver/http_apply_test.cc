// Server-side apply over the wire.
#include "tests/apiserver/http_fixture.h"

namespace skiff::apiserver::http {
namespace {

constexpr char kCm[] = "/api/v1/namespaces/default/configmaps";
constexpr char kApply[] = "Content-Type: application/apply-patch+yaml\r\n";

std::string Yaml(absl::string_view value) {
  return absl::StrCat("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: \"", value,
                      "\"}\n");
}

TEST_CASE("AnApplyCreatesChangesAndConflicts") {
  ServedApi api;
  RawClient client(api.port());
  const std::string at = absl::StrCat(kCm, "/a?fieldManager=");
  CHECK(client.Ask("PATCH", absl::StrCat(at, "one&force=false"), Yaml("1"), kApply).status == 201);
  const auto again = client.Ask("PATCH", absl::StrCat(at, "one"), Yaml("2"), kApply);
  CHECK(again.status == 200);
  CHECK(absl::StrContains(again.body, R"("manager":"one","operation":"Apply","apiVersion":"v1")"));
  CHECK(
      absl::StrContains(again.body, R"("fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:k":{}}})"));
  const auto conflict = client.Ask("PATCH", absl::StrCat(at, "two"), Yaml("3"), kApply);
  CHECK(conflict.status == 409);
  CHECK(absl::StrContains(conflict.body,
                          R"(Apply failed with 1 conflict: conflict with \"one\": .data.k)"));
  CHECK(absl::StrContains(conflict.body,
                          R"("causes":[{"reason":"FieldManagerConflict",)"
                          R"("message":"conflict with \"one\"","field":".data.k"}])"));
  const std::string forced = absl::StrCat(at, "two&force=");
  CHECK(client.Ask("PATCH", forced + "False", Yaml("3"), kApply).status == 409);
  CHECK(client.Ask("PATCH", forced + "0", Yaml("3"), kApply).status == 409);
  CHECK(client.Ask("PATCH", forced + "true", Yaml("3"), kApply).status == 200);
}

TEST_CASE("OptionsOfWritesAreChecked") {
  ServedApi api;
  RawClient client(api.port());
  struct Row {
    const char* method;
    std::string target;
    std::string headers;
    int status;
    const char* text;
  };
  const std::string merge = "Content-Type: application/merge-patch+json\r\n";
  const std::string long_name(129, 'm');
  const Row rows[] = {
      {"PATCH", "/a", kApply, 422,
       R"(PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is )"
       R"(required for apply patch)"},
      {"PATCH", "/a?force=true", merge, 422,
       R"(PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be )"
       R"(specified for non-apply patch)"},
      {"PATCH", "/a?fieldManager=" + long_name, merge, 422,
       R"(PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be )"
       R"(more than 128 bytes)"},
      {"PATCH", "/a?fieldManager=a%09%E2%80%8Bb", merge, 422,
       R"(fieldManager: Invalid value: \"a\\t)"},
      {"PATCH", "/a?fieldManager=a%09%E2%80%8Bb", merge, 422,
       R"(invalid character U+200B (at position 2))"},
      {"POST", "?fieldManager=" + long_name, "", 422, R"(CreateOptions.meta.k8s.io)"},
      {"PUT", "/a?fieldManager=" + long_name, "", 422, R"(UpdateOptions.meta.k8s.io)"},
      {"PATCH", "/a?fieldManager=m", "Content-Type: application/apply-patch+json\r\n", 415,
       "application/apply-patch+yaml"},
      {"PATCH", "/a?fieldManager=m", "Content-Type: application/apply-patch+cbor\r\n", 415,
       "application/apply-patch+yaml"},
  };
  for (const Row& row : rows) {
    const auto answer = client.Ask(row.method, absl::StrCat(kCm, row.target), "{}", row.headers);
    INFO(row.target << ": " << answer.body);
    CHECK(answer.status == row.status);
    CHECK(absl::StrContains(answer.body, row.text));
  }
}

TEST_CASE("AClientThatNamesNoManagerIsCalledByItsProgram") {
  ServedApi api;
  RawClient client(api.port());
  const std::string body =
      R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"k":"v"}})";
  const auto made = client.Ask("POST", kCm, body, "User-Agent: tool/v1.2 (linux)\r\n");
  CHECK(absl::StrContains(made.body, R"("manager":"tool","operation":"Update")"));
  struct Row {
    std::string agent;
    std::string manager;
  };
  const Row rows[] = {
      {"a\tb\xe2\x80\x8b"
       "c d/2",
       "abc d"},
      {"caf\xc3\xa9", "caf\xc3\xa9"},
      {"bad\xff", "bad\xef\xbf\xbd"},
      {std::string(200, 'x'), std::string(128, 'x')},
      {std::string(127, 'x') + "\xc3\xa9", std::string(127, 'x')},
      {"/2", "unknown"},
  };
  for (const Row& row : rows) {
    INFO(row.agent);
    const auto named = client.Ask(
        "PATCH", absl::StrCat(kCm, "/a?dryRun=All"), R"({"data":{"new":"y"}})",
        absl::StrCat("Content-Type: application/merge-patch+json\r\nUser-Agent: ", row.agent,
                     "\r\n"));
    CHECK(absl::StrContains(named.body, absl::StrCat("\"manager\":\"", row.manager, "\"")));
  }
  const auto changed =
      client.Ask("PATCH", absl::StrCat(kCm, "/a?fieldManager=editor"), R"({"data":{"x":"y"}})",
                 "Content-Type: application/merge-patch+json\r\n");
  CHECK(absl::StrContains(changed.body, R"("manager":"editor","operation":"Update")"));
  const auto none =
      client.Ask("PUT", absl::StrCat(kCm, "/a"),
                 R"({"metadata":{"name":"a","managedFields": [ ]},"data":{"k":"w"}})");
  CHECK(none.status == 200);
  CHECK_FALSE(absl::StrContains(none.body, "managedFields"));
}

}  // namespace
}  // namespace skiff::apiserver::http
