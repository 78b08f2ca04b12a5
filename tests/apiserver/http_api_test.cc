// The Kubernetes API over the wire, as its clients see it.
#include "api/codec.h"
#include "api/json_value.h"
#include "tests/apiserver/http_fixture.h"

namespace skiff::apiserver::http {
namespace {

constexpr char kCm[] = "/api/v1/namespaces/default/configmaps";
constexpr char kDeployments[] = "/apis/apps/v1/namespaces/default/deployments";
constexpr char kMerge[] = "Content-Type: application/merge-patch+json\r\n";
constexpr char kProtobuf[] = "application/vnd.kubernetes.protobuf";

std::string ConfigMap(absl::string_view name, absl::string_view more = "") {
  return absl::StrCat(R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":")", name, "\"}",
                      more, "}");
}

const char kDeployment[] = R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx}]}
)";

api::JsonValue Parse(const std::string& json) {
  auto value = api::JsonValue::Parse(json);
  INFO(json);
  REQUIRE(value.ok());
  return *std::move(value);
}

void CheckStatus(const RawClient::Answer& answer, int code, absl::string_view reason,
                 absl::string_view message) {
  INFO(answer.body);
  CHECK(answer.status == code);
  CHECK(absl::StrContains(answer.body, R"("kind":"Status")"));
  CHECK(absl::StrContains(answer.body, absl::StrCat("\"reason\":\"", reason, "\"")));
  CHECK(absl::StrContains(answer.body, message));
}

TEST_CASE("AnObjectLivesAndDies") {
  ServedApi api;
  RawClient client(api.port());
  const auto created = client.Ask("POST", kCm, ConfigMap("a", R"(,"data":{"k":"v"})"));
  CHECK(created.status == 201);
  const auto got = client.Ask("GET", absl::StrCat(kCm, "/a"));
  CHECK(got.status == 200);
  CHECK(got.body == created.body);
  const auto patched =
      client.Ask("PATCH", absl::StrCat(kCm, "/a"), R"({"data":{"k":null,"n":"1"}})", kMerge);
  CHECK(patched.status == 200);
  CHECK(absl::StrContains(patched.body, R"("data":{"n":"1"})"));
  const auto stale = client.Ask("PUT", absl::StrCat(kCm, "/a"), created.body);
  CheckStatus(stale, 409, "Conflict", "the object has been modified");
  CHECK(client.Ask("PUT", absl::StrCat(kCm, "/a"), ConfigMap("a")).status == 200);
  const auto gone = client.Ask("DELETE", absl::StrCat(kCm, "/a"),
                               R"({"kind":"DeleteOptions","apiVersion":"v1"})");
  CHECK(gone.status == 200);
  CHECK(absl::StrContains(gone.body, R"("status":"Success")"));
  CheckStatus(client.Ask("GET", absl::StrCat(kCm, "/a")), 404, "NotFound",
              R"(configmaps \"a\" not found)");
}

TEST_CASE("WrongRequestsSayWhatIsWrong") {
  ServedApi api;
  RawClient client(api.port());
  CHECK(client.Ask("GET", "/nowhere").body == "404 page not found\n");
  CHECK(client.Ask("POST", "/").status == 405);
  CHECK(client.Ask("POST", "/livez").status == 405);
  for (const char* path : {"/api/v2", "/api/v1/foos", "/apis/none", "/apis/apps/v9/deployments",
                           "/api/v1/pods/x", "/api/v1/namespaces/d/pods/x/none",
                           "/api/v1/namespaces/d/pods/x/log/y", "/openapi/v3/apis/none"}) {
    INFO(path);
    CheckStatus(client.Ask("GET", path), 404, "NotFound",
                "the server could not find the requested resource");
  }
  CheckStatus(client.Ask("POST", "/api"), 405, "MethodNotAllowed", "");
  CheckStatus(client.Ask("PUT", kCm, ConfigMap("x")), 405, "MethodNotAllowed", "");
  CheckStatus(client.Ask("BREW", kCm), 405, "MethodNotAllowed", "");
  CheckStatus(client.Ask("DELETE", "/api/v1/namespaces"), 405, "MethodNotAllowed", "");
  CheckStatus(client.Ask("GET", kCm, "", "Accept: text/html\r\n"), 406, "NotAcceptable", "");
  CheckStatus(client.Ask("POST", kCm, "x", "Content-Type: text/csv\r\n"), 415,
              "UnsupportedMediaType", "text/csv");
  CheckStatus(client.Ask("PATCH", absl::StrCat(kCm, "/x"), "{}"), 415, "UnsupportedMediaType", "");
  CheckStatus(client.Ask("POST", kCm, "{\"a\":"), 400, "BadRequest", "line 1");
  CheckStatus(client.Ask("POST", kCm), 400, "BadRequest", "");
  CheckStatus(client.Ask("POST", kCm, "a: [", "Content-Type: application/yaml\r\n"), 400,
              "BadRequest", "line");
  CheckStatus(client.Ask("POST", kCm, R"({"kind":"Pod","apiVersion":"v1"})"), 400, "BadRequest",
              "does not match the expected kind (ConfigMap)");
  // Its fields are not what is wrong with an object of another kind.
  CheckStatus(client.Ask("POST", kCm, R"({"metadata":5,"kind":"Pod","apiVersion":"v1"})"), 400,
              "BadRequest", "does not match the expected kind (ConfigMap)");
  CheckStatus(client.Ask("POST", kCm, R"({"metadata":5,"kind":"ConfigMap"})"), 400, "BadRequest",
              "json: cannot unmarshal number");
  CheckStatus(client.Ask("POST", kCm, std::string("k8s\0\xff\xff", 6),
                         absl::StrCat("Content-Type: ", kProtobuf, "\r\n")),
              400, "BadRequest", "");
  CheckStatus(client.Ask("POST", kCm, ConfigMap("Not_A_Label")), 422, "Invalid", "metadata.name");
  for (const char* query :
       {"?limit=x", "?limit=-1", "?labelSelector=a%20in%20(", "?fieldSelector=no.such=1",
        "?resourceVersion=x", "?resourceVersionMatch=Exact", "?continue=zzz",
        "?watch=1&timeoutSeconds=x", "?watch=1&sendInitialEvents=true"}) {
    INFO(query);
    CheckStatus(client.Ask("GET", absl::StrCat(kCm, query)), 400, "BadRequest", "");
  }
  CheckStatus(client.Ask("POST", absl::StrCat(kCm, "?dryRun=Some"), ConfigMap("x")), 400,
              "BadRequest", "dryRun");
  CheckStatus(client.Ask("POST", absl::StrCat(kCm, "?fieldValidation=x"), ConfigMap("x")), 400,
              "BadRequest", "fieldValidation");
}

TEST_CASE("UnknownFieldsAreTreatedAsAsked") {
  ServedApi api;
  RawClient client(api.port());
  const std::string body = ConfigMap("u", R"(,"dta":{})");
  CheckStatus(client.Ask("POST", absl::StrCat(kCm, "?fieldValidation=Strict"), body), 400,
              "BadRequest", R"(unknown field \"dta\")");
  const auto warned = client.Ask("POST", absl::StrCat(kCm, "?dryRun=All"), body);
  CHECK(warned.status == 201);
  CHECK(absl::StrContains(warned.head, R"(Warning: 299 - "unknown field \"dta\"")"));
  const auto ignored =
      client.Ask("POST", absl::StrCat(kCm, "?dryRun=All&fieldValidation=Ignore"), body);
  CHECK_FALSE(absl::StrContains(ignored.head, "Warning"));
  // Dry runs left nothing behind.
  CHECK(client.Ask("GET", absl::StrCat(kCm, "/u")).status == 404);
}

TEST_CASE("WhoDeletesAJobWithoutAWordIsToldThatItsPodsStay") {
  ServedApi api;
  RawClient client(api.port());
  const std::string jobs = "/apis/batch/v1/namespaces/default/jobs";
  const std::string body =
      R"({"metadata":{"name":"j"},"spec":{"template":{"spec":{"restartPolicy":"Never",)"
      R"("containers":[{"name":"c","image":"x"}]}}}})";
  for (const char* query : {"", "?propagationPolicy=Background"}) {
    REQUIRE(client.Ask("POST", jobs, body).status == 201);
    const auto gone = client.Ask("DELETE", absl::StrCat(jobs, "/j", query));
    CHECK(gone.status == 200);
    CHECK(absl::StrContains(gone.head,
                            "child pods are preserved by default when jobs are "
                            "deleted") == absl::string_view(query).empty());
    client.Ask("DELETE", absl::StrCat(jobs, "/j?propagationPolicy=Background"));
  }
}

TEST_CASE("EveryEncodingGoesInAndOut") {
  ServedApi api;
  RawClient client(api.port());
  CHECK(
      client.Ask("POST", kDeployments, kDeployment, "Content-Type: application/yaml\r\n").status ==
      201);
  const std::string web = absl::StrCat(kDeployments, "/web");
  const auto yaml = client.Ask("GET", web, "", "Accept: application/yaml\r\n");
  CHECK(absl::StrContains(yaml.head, "Content-Type: application/yaml"));
  CHECK(absl::StrContains(yaml.body, "\n  replicas: 2\n"));
  const auto binary = client.Ask("GET", web, "", absl::StrCat("Accept: ", kProtobuf, "\r\n"));
  CHECK(absl::StrContains(binary.head, kProtobuf));
  auto envelope = api::OpenEnvelope(binary.body);
  REQUIRE(envelope.ok());
  CHECK(envelope->kind == "Deployment");
  appsv1::Deployment deployment;
  REQUIRE(api::DecodeProtobuf(envelope->raw, &deployment).ok());
  CHECK(deployment.spec().replicas() == 2);
  deployment.mutable_spec()->set_replicas(3);
  const auto updated =
      client.Ask("PUT", web, api::EncodeProtobuf(deployment, "apps/v1", "Deployment"),
                 absl::StrCat("Content-Type: ", kProtobuf, "\r\n"));
  CHECK(updated.status == 200);
  CHECK(absl::StrContains(updated.body, R"("replicas":3)"));
}

TEST_CASE("QuestionsAreAnsweredAndNotStored") {
  ServedApi api;
  RawClient client(api.port());
  const auto who = client.Ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                              R"({"kind":"SelfSubjectReview"})");
  CHECK(who.status == 201);
  CHECK(absl::StrContains(who.body, R"("username":"kubernetes-admin")"));
  const std::string reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
  const auto may = client.Ask("POST", reviews,
                              R"({"spec":{"user":"u","groups":["system:masters"],)"
                              R"("resourceAttributes":{"verb":"get"}}})");
  CHECK(absl::StrContains(may.body, R"("status":{"allowed":true})"));
  const auto may_not = client.Ask(
      "POST", reviews, R"({"spec":{"user":"u","nonResourceAttributes":{"path":"/metrics"}}})");
  CHECK(absl::StrContains(may_not.body, R"("status":{"allowed":false})"));
  CheckStatus(client.Ask("POST", reviews, R"({"spec":{"user":"u"}})"), 422, "Invalid",
              "exactly one of nonResourceAttributes or resourceAttributes must be specified");
  CheckStatus(client.Ask("POST", reviews, R"({"spec":{"resourceAttributes":{}}})"), 422, "Invalid",
              "at least one of user or group must be specified");
  CheckStatus(
      client.Ask("POST", "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews",
                 R"({"metadata":{"namespace":"a"},"spec":{"user":"u",)"
                 R"("resourceAttributes":{"namespace":"b"}}})"),
      422, "Invalid", "must match metadata.namespace");
  const auto token = client.Ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                                R"({"spec":{"token":"nobody's"}})");
  CHECK(token.status == 201);
  CHECK_FALSE(absl::StrContains(token.body, R"("authenticated":true)"));
  CheckStatus(client.Ask("GET", reviews), 405, "MethodNotAllowed", "");
}

// The list message of every kind is found by its name.
TEST_CASE("EveryResourceListsInEveryEncoding") {
  ServedApi api;
  RawClient client(api.port());
  for (const api::ResourceInfo& resource : api::Resources()) {
    if (!resource.has_verb("list")) continue;
    const std::string path =
        absl::StrCat(resource.group.empty() ? "/api/" : absl::StrCat("/apis/", resource.group, "/"),
                     resource.version, "/", resource.resource);
    INFO(path);
    const std::string kind = absl::StrCat(resource.kind, "List");
    const auto json = Parse(client.Ask("GET", path).body);
    CHECK(json.Find("kind")->text() == kind);
    const auto binary = client.Ask("GET", path, "", absl::StrCat("Accept: ", kProtobuf, "\r\n"));
    const auto envelope = api::OpenEnvelope(binary.body);
    REQUIRE(envelope.ok());
    CHECK(envelope->kind == kind);
    CHECK(client.Ask("GET", path, "", "Accept: application/yaml\r\n").status == 200);
    const auto table =
        client.Ask("GET", path, "", "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n");
    CHECK(Parse(table.body).Find("kind")->text() == "Table");
    const auto partial =
        client.Ask("GET", path, "",
                   "Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io\r\n");
    CHECK(Parse(partial.body).Find("kind")->text() == "PartialObjectMetadataList");
  }
}

TEST_CASE("ListsComeInPages") {
  ServedApi api;
  RawClient client(api.port());
  for (int i = 0; i < 5; ++i) client.Ask("POST", kCm, ConfigMap(absl::StrCat("c", i)));
  std::string next;
  std::vector<std::string> names;
  for (int page = 0; page < 3; ++page) {
    const auto list = Parse(
        client.Ask("GET", absl::StrCat(kCm, "?limit=2", next.empty() ? "" : "&continue=", next))
            .body);
    for (const api::JsonValue& item : list.Find("items")->items()) {
      names.push_back(item.Find("metadata")->Find("name")->text());
    }
    const api::JsonValue* token = list.Find("metadata")->Find("continue");
    next = token == nullptr ? "" : token->text();
    // What is made meanwhile is not in the list that began before.
    client.Ask("POST", kCm, ConfigMap(absl::StrCat("c9", page)));
  }
  CHECK(next.empty());
  CHECK(names == std::vector<std::string>{"c0", "c1", "c2", "c3", "c4"});
}

TEST_CASE("TablesHaveTheColumnsOfTheirKind") {
  ServedApi api;
  RawClient client(api.port());
  client.Ask("POST", kDeployments, kDeployment, "Content-Type: application/yaml\r\n");
  const auto table =
      client.Ask("GET", kDeployments, "",
                 "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n");
  CHECK(absl::StrContains(table.body, R"("columnDefinitions":[{"name":"Name")"));
  CHECK(absl::StrContains(table.body, R"("cells":["web","0/2",)"));
  CHECK(absl::StrContains(table.body, R"("kind":"PartialObjectMetadata")"));
  const auto whole = client.Ask("GET", absl::StrCat(kDeployments, "?includeObject=Object"), "",
                                "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n");
  CHECK(absl::StrContains(whole.body, R"("kind":"Deployment")"));
}

TEST_CASE("ScalesAreReadAndSet") {
  ServedApi api;
  RawClient client(api.port());
  client.Ask("POST", kDeployments, kDeployment, "Content-Type: application/yaml\r\n");
  const std::string scale = absl::StrCat(kDeployments, "/web/scale");
  CHECK(absl::StrContains(client.Ask("GET", scale).body, R"("spec":{"replicas":2})"));
  const auto set = client.Ask("PATCH", scale, R"({"spec":{"replicas":7}})", kMerge);
  CHECK(set.status == 200);
  CHECK(absl::StrContains(set.body, R"("kind":"Scale")"));
  CHECK(absl::StrContains(client.Ask("GET", absl::StrCat(kDeployments, "/web")).body,
                          R"("replicas":7)"));
  CheckStatus(client.Ask("PATCH", scale, R"({"spec":{"replicas":-1}})", kMerge), 422, "Invalid",
              "");
}

TEST_CASE("CollectionsAreDeletedBySelector") {
  ServedApi api;
  RawClient client(api.port());
  client.Ask("POST", kCm, R"({"metadata":{"name":"x","labels":{"a":"1"}}})");
  client.Ask("POST", kCm, R"({"metadata":{"name":"y","labels":{"a":"2"}}})");
  CHECK(client.Ask("DELETE", absl::StrCat(kCm, "?labelSelector=a%3D1")).status == 200);
  CHECK(client.Ask("GET", absl::StrCat(kCm, "/x")).status == 404);
  CHECK(client.Ask("GET", absl::StrCat(kCm, "/y")).status == 200);
}

TEST_CASE("DiscoveryNamesEveryResource") {
  ServedApi api;
  RawClient client(api.port());
  CHECK(absl::StrContains(client.Ask("GET", "/api").body, R"("versions":["v1"])"));
  CHECK(absl::StrContains(client.Ask("GET", "/apis").body, R"("name":"batch")"));
  CHECK(absl::StrContains(client.Ask("GET", "/apis/apps").body, R"("kind":"APIGroup")"));
  const auto core = client.Ask("GET", "/api/v1").body;
  for (const char* name : {"pods", "pods/log", "namespaces/status", "configmaps"}) {
    CHECK(absl::StrContains(core, absl::StrCat("\"name\":\"", name, "\"")));
  }
  for (const char* version : {"v2", "v2beta1"}) {
    const std::string accept =
        absl::StrCat("Accept: application/json;g=apidiscovery.k8s.io;v=", version,
                     ";as=APIGroupDiscoveryList,application/json\r\n");
    const auto apis = client.Ask("GET", "/apis", "", accept);
    CHECK(absl::StrContains(apis.body, R"("resource":"deployments")"));
    CHECK(absl::StrContains(apis.head, absl::StrCat("v=", version, ";as=APIGroupDiscoveryList")));
    const size_t at = apis.head.find("ETag: ") + 6;
    const std::string tag = apis.head.substr(at, apis.head.find("\r\n", at) - at);
    const auto again =
        client.Ask("GET", "/apis", "", absl::StrCat(accept, "If-None-Match: ", tag, "\r\n"));
    CHECK(again.status == 304);
    CHECK(again.body.empty());
  }
  CHECK(absl::StrContains(client.Ask("GET", "/version").body, R"("gitVersion":"v1.35)"));
  CHECK(absl::StrContains(client.Ask("GET", "/").body, R"("/api/v1")"));
  CHECK(absl::StrContains(client.Ask("GET", "/readyz?verbose").body, "readyz check passed"));
  CHECK(client.Ask("GET", "/livez/ping").body == "ok");
  CHECK(client.Ask("GET", "/livezz").status == 404);
  CHECK(absl::StrContains(client.Ask("GET", "/metrics").body, "apiserver_request_total"));
  Parse(client.Ask("GET", "/openapi/v2").body);
  Parse(client.Ask("GET", "/openapi/v3").body);
  Parse(client.Ask("GET", "/openapi/v3/apis/apps/v1?hash=1").body);
  CHECK(client
            .Ask("GET", "/openapi/v2", "",
                 "Accept: application/com.github.proto-openapi.spec.v2@v1.0+protobuf\r\n")
            .status == 406);
}

}  // namespace
}  // namespace skiff::apiserver::http
