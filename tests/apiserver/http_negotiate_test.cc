#include <catch2/catch.hpp>

#include "api/errors.h"
#include "apiserver/http/negotiate.h"

namespace skiff::apiserver::http {
namespace {

Offer Everything() {
  Offer offer;
  offer.table = offer.partial = offer.discovery = true;
  return offer;
}

TEST_CASE("TheFirstClauseThatFitsIsTaken") {
  struct Case {
    const char* accept;
    Encoding encoding;
    const char* as;
  };
  const Case cases[] = {
      {"", Encoding::kJson, ""},
      {"*/*", Encoding::kJson, ""},
      {"application/*", Encoding::kJson, ""},
      {"application/yaml", Encoding::kYaml, ""},
      {"application/vnd.kubernetes.protobuf, */*", Encoding::kProtobuf, ""},
      {"text/html,application/xhtml+xml,*/*;q=0.8", Encoding::kJson, ""},
      {"application/yaml;q=0.5, application/json;q=0.9", Encoding::kJson, ""},
      {"application/json;q=0, application/yaml", Encoding::kYaml, ""},
      // What kubectl sends.
      {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;"
       "g=meta.k8s.io,application/json",
       Encoding::kJson, "Table"},
      {"application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Encoding::kJson, ""},
      // What metadata informers send: that form exists in JSON only.
      {"application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
       "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
       Encoding::kJson, "PartialObjectMetadataList"},
      {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
       Encoding::kJson, "APIGroupDiscoveryList"},
  };
  for (const Case& c : cases) {
    INFO(c.accept);
    const auto format = Negotiate(c.accept, Everything());
    REQUIRE(format.ok());
    CHECK(format->encoding == c.encoding);
    CHECK(format->as == c.as);
  }
}

TEST_CASE("WhatIsNotOfferedIsNotTaken") {
  const auto format = Negotiate(
      "application/json;as=Table;v=v1;g=meta.k8s.io,application/yaml,application/json", Offer());
  REQUIRE(format.ok());
  CHECK(format->encoding == Encoding::kYaml);
  Offer json_only;
  json_only.yaml = json_only.protobuf = false;
  CHECK(Negotiate("application/yaml,application/json", json_only)->encoding == Encoding::kJson);
}

TEST_CASE("NothingThatFitsIsNotAcceptable") {
  for (const char* accept : {"text/html", "application/json;q=0",
                             "application/json;as=Table;v=v7;g=meta.k8s.io", ";;,,;q=x"}) {
    INFO(accept);
    const auto format = Negotiate(accept, Everything());
    REQUIRE_FALSE(format.ok());
    CHECK(api::ToMetaStatus(format.status()).code() == 406);
  }
}

}  // namespace
}  // namespace skiff::apiserver::http
