#include <catch2/catch.hpp>

#include "api/errors.h"
#include "api/json_value.h"
#include "api/patch.h"
#include "api/types.h"

namespace skiff::api {
namespace {

std::string Merged(absl::string_view document, absl::string_view patch,
                   const google::protobuf::Descriptor* schema = corev1::Pod::descriptor()) {
  const absl::StatusOr<std::string> result = StrategicMergePatch(document, patch, schema);
  return result.ok() ? *result : std::string(result.status().message());
}

// Within spec, to keep the rows short.
std::string MergedSpec(const std::string& document, const std::string& patch) {
  const std::string result = Merged("{\"spec\":" + document + "}", "{\"spec\":" + patch + "}");
  const absl::StatusOr<JsonValue> value = JsonValue::Parse(result);
  return value.ok() && value->Find("spec") != nullptr ? value->Find("spec")->ToString() : result;
}

TEST_CASE("ListsMergeByTheKeyOfTheSchema") {
  struct Row {
    const char* document;
    const char* patch;
    const char* result;
  };
  const Row rows[] = {
      // A member of the same name is changed in place, another is added.
      {R"({"containers":[{"name":"a","image":"1"},{"name":"b","image":"1"}]})",
       R"({"containers":[{"name":"b","image":"2"},{"name":"c","image":"3"}]})",
       R"({"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"},)"
       R"({"name":"c","image":"3"}]})"},
      // Deep: ports by containerPort, inside containers by name.
      {R"({"containers":[{"name":"a","ports":[{"containerPort":80,"name":"x"}]}]})",
       R"({"containers":[{"name":"a","ports":[{"containerPort":80,"name":"y"},)"
       R"({"containerPort":81}]}]})",
       R"({"containers":[{"name":"a","ports":[{"containerPort":80,"name":"y"},)"
       R"({"containerPort":81}]}]})"},
      // Without a merge strategy a list is replaced.
      {R"({"tolerations":[{"key":"a"}]})", R"({"tolerations":[{"key":"b"}]})",
       R"({"tolerations":[{"key":"b"}]})"},
      {R"({"containers":[{"name":"a","command":["x","y"]}]})",
       R"({"containers":[{"name":"a","command":["z"]}]})",
       R"({"containers":[{"name":"a","command":["z"]}]})"},
      // Maps of strings merge; null deletes.
      {R"({"nodeSelector":{"a":"1","b":"2"}})", R"({"nodeSelector":{"a":null,"c":"3"}})",
       R"({"nodeSelector":{"b":"2","c":"3"}})"},
      {R"({"hostname":"h","subdomain":"s"})", R"({"hostname":null})", R"({"subdomain":"s"})"},
      // Members of inline messages: a volume's source.
      {R"({"volumes":[{"name":"v","emptyDir":{}}]})",
       R"({"volumes":[{"name":"v","$retainKeys":["name","hostPath"],"hostPath":{"path":"/x"}}]})",
       R"({"volumes":[{"name":"v","hostPath":{"path":"/x"}}]})"},
      // What is new enters without its nulls and directives.
      {R"({})", R"({"securityContext":{"runAsUser":1,"runAsGroup":null}})",
       R"({"securityContext":{"runAsUser":1}})"},
  };
  for (const Row& row : rows) {
    INFO(row.patch);
    CHECK(MergedSpec(row.document, row.patch) == row.result);
  }
}

TEST_CASE("PatchDirectivesReplaceAndDelete") {
  const char* two = R"({"containers":[{"name":"a","image":"1"},{"name":"b"}]})";
  CHECK(MergedSpec(two, R"({"containers":[{"name":"a","$patch":"delete"}]})") ==
        R"({"containers":[{"name":"b"}]})");
  CHECK(MergedSpec(two, R"({"containers":[{"$patch":"replace"},{"name":"c"}]})") ==
        R"({"containers":[{"name":"c"}]})");
  CHECK(MergedSpec(two, R"({"containers":[{"name":"b","$patch":"merge","image":"2"}]})") ==
        R"({"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]})");
  CHECK(MergedSpec(R"({"securityContext":{"runAsUser":1}})",
                   R"({"securityContext":{"$patch":"replace","runAsGroup":2}})") ==
        R"({"securityContext":{"runAsGroup":2}})");
  CHECK(MergedSpec(R"({"securityContext":{"runAsUser":1}})",
                   R"({"securityContext":{"$patch":"delete"}})") == R"({"securityContext":{}})");
}

TEST_CASE("SetElementOrderOrdersWhatThePatchNames") {
  CHECK(MergedSpec(R"({"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]})",
                   R"({"$setElementOrder/containers":[{"name":"c"},{"name":"a"}],)"
                   R"("containers":[{"name":"a","image":"2"}]})") ==
        R"({"containers":[{"name":"b"},{"name":"c"},{"name":"a","image":"2"}]})");
  // kubectl apply, adding a container in front.
  CHECK(MergedSpec(R"({"containers":[{"name":"a"}]})",
                   R"({"$setElementOrder/containers":[{"name":"n"},{"name":"a"}],)"
                   R"("containers":[{"name":"n"}]})") ==
        R"({"containers":[{"name":"n"},{"name":"a"}]})");
}

TEST_CASE("PrimitiveListsMergeAndLoseWhatIsDeleted") {
  CHECK(Merged(R"({"metadata":{"finalizers":["a","b"]}})",
               R"({"metadata":{"finalizers":["b","c"]}})") ==
        R"({"metadata":{"finalizers":["a","b","c"]}})");
  CHECK(Merged(R"({"metadata":{"finalizers":["a","b"]}})",
               R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}})") ==
        R"({"metadata":{"finalizers":["b"]}})");
}

TEST_CASE("TheDeploymentStrategyRetainsOnlyTheKeysNamed") {
  CHECK(Merged(R"({"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}})",
               R"({"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}})",
               appsv1::Deployment::descriptor()) == R"({"spec":{"strategy":{"type":"Recreate"}}})");
}

TEST_CASE("MapsOfAmountsAndUnknownMembersMergePlainly") {
  CHECK(MergedSpec(
            R"({"containers":[{"name":"a","resources":{"limits":{"cpu":"1","memory":"1Gi"}}}]})",
            R"({"containers":[{"name":"a","resources":{"limits":{"cpu":"2"}}}]})") ==
        R"({"containers":[{"name":"a","resources":{"limits":{"cpu":"2","memory":"1Gi"}}}]})");
  CHECK(Merged(R"({"x":{"a":1,"l":[1]}})", R"({"x":{"b":2,"l":[2]}})") ==
        R"({"x":{"a":1,"l":[2],"b":2}})");
}

TEST_CASE("AStrategicPatchThatMakesNoSenseIs400") {
  const auto code = [](const char* patch) {
    return ToMetaStatus(StrategicMergePatch(R"({"spec":{"containers":[{"name":"a"}]}})", patch,
                                            corev1::Pod::descriptor())
                            .status())
        .code();
  };
  CHECK(code("[]") == 400);
  CHECK(code("{") == 400);
  CHECK(code(R"({"spec":{"$patch":"explode"}})") == 400);
  CHECK(code(R"({"spec":{"containers":[{"image":"x"}]}})") == 400);
  CHECK(code(R"({"spec":{"$setElementOrder/containers":"x"}})") == 400);
  CHECK(MergedSpec(R"({"containers":[{"name":"a"}]})", R"({"containers":[{"image":"x"}]})") ==
        "map: {\"image\":\"x\"} does not contain declared merge key: name");
}

}  // namespace
}  // namespace skiff::api
