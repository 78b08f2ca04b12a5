// What form the client wants its answer in, from the Accept header (RFC 9110 section 12.5.1).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace skiff::apiserver::http {

enum class Encoding { kJson, kYaml, kProtobuf };

struct Format {
  Encoding encoding = Encoding::kJson;
  // The transformation asked for: "", "Table", "PartialObjectMetadata",
  // "PartialObjectMetadataList", "APIGroupDiscoveryList"; with its version.
  std::string as;
  std::string version;
};

struct Offer {
  bool yaml = true;
  bool protobuf = true;
  bool table = false;
  bool partial = false;
  bool discovery = false;
};

// The best of what the client accepts and the endpoint offers. 406 NotAcceptable if nothing fits.
absl::StatusOr<Format> Negotiate(absl::string_view accept, const Offer& offer);

const char* ContentType(Encoding encoding, bool watch);

}  // namespace skiff::apiserver::http
