// What a path is about.
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "apiserver/http/request_info.h"

namespace skiff::apiserver::http {
namespace {

struct Case {
  const char* method;
  const char* path;
  const char* want;  // verb group version namespace resource name subresource rest, joined by |
};

TEST_CASE("APathSaysWhatItIsAbout") {
  const Case kCases[] = {
      {"GET", "/api/v1/pods", "list||v1||pods|||"},
      {"GET", "/api/v1/namespaces/d/pods", "list||v1|d|pods|||"},
      {"HEAD", "/api/v1/namespaces/d/pods/x", "get||v1|d|pods|x||"},
      {"GET", "/api/v1/namespaces/d/pods/x/log", "get||v1|d|pods|x|log|"},
      {"GET", "/api/v1/namespaces/d/pods/x/proxy/a/b", "get||v1|d|pods|x|proxy|a/b"},
      {"POST", "/apis/apps/v1/namespaces/d/deployments", "create|apps|v1|d|deployments|||"},
      {"PUT", "/apis/apps/v1/namespaces/d/deployments/w/scale",
       "update|apps|v1|d|deployments|w|scale|"},
      {"PATCH", "/api/v1/nodes/n", "patch||v1||nodes|n||"},
      {"DELETE", "/api/v1/nodes/n", "delete||v1||nodes|n||"},
      {"DELETE", "/api/v1/nodes", "deletecollection||v1||nodes|||"},
      {"GET", "/api/v1/namespaces", "list||v1||namespaces|||"},
      {"GET", "/api/v1/namespaces/d", "get||v1|d|namespaces|d||"},
      {"PUT", "/api/v1/namespaces/d/finalize", "update||v1|d|namespaces|d|finalize|"},
      {"GET", "/api/v1/namespaces/d/unknowns/x", "get||v1|d|unknowns|x||"},
      {"BREW", "/api/v1/pods", "||v1||pods|||"},
      {"GET", "//api///v1//pods/", "list||v1||pods|||"},
  };
  for (const Case& test : kCases) {
    INFO(test.method << " " << test.path);
    Request request;
    request.method = test.method;
    request.path = test.path;
    const RequestInfo info = InfoOf(request);
    CHECK(info.is_resource);
    CHECK(absl::StrCat(info.verb, "|", info.group, "|", info.version, "|", info.name_space, "|",
                       info.resource, "|", info.name, "|", info.subresource, "|",
                       info.rest) == test.want);
  }
}

TEST_CASE("AWatchIsNoList") {
  Request request;
  request.method = "GET";
  request.path = "/api/v1/pods";
  request.query = {{"watch", "1"}};
  CHECK(InfoOf(request).verb == "watch");
}

TEST_CASE("OtherPathsAreOfNoResource") {
  for (const char* path : {"/", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1",
                           "/metrics", "/openapi/v3/apis/apps/v1", "/apiv1/pods"}) {
    INFO(path);
    Request request;
    request.method = "GET";
    request.path = path;
    CHECK_FALSE(InfoOf(request).is_resource);
    CHECK(InfoOf(request).verb == "get");
  }
}

}  // namespace
}  // namespace skiff::apiserver::http
