#include "apiserver/http/negotiate.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/errors.h"

namespace skiff::apiserver::http {
namespace {

struct Clause {
  std::string type;
  std::string as;
  std::string group;
  std::string version;
  double quality = 1;
};

std::vector<Clause> Parse(absl::string_view accept) {
  std::vector<Clause> out;
  for (const absl::string_view part : absl::StrSplit(accept, ',', absl::SkipWhitespace())) {
    const std::vector<absl::string_view> pieces = absl::StrSplit(part, ';');
    Clause clause;
    clause.type = absl::AsciiStrToLower(absl::StripAsciiWhitespace(pieces[0]));
    for (size_t i = 1; i < pieces.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> option =
          absl::StrSplit(absl::StripAsciiWhitespace(pieces[i]), absl::MaxSplits('=', 1));
      if (option.first == "as") clause.as = std::string(option.second);
      if (option.first == "g") clause.group = std::string(option.second);
      if (option.first == "v") clause.version = std::string(option.second);
      if (option.first == "q" && !absl::SimpleAtod(option.second, &clause.quality)) {
        clause.quality = 0;
      }
    }
    if (clause.quality > 0) out.push_back(std::move(clause));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Clause& a, const Clause& b) { return a.quality > b.quality; });
  return out;
}

bool Offers(const Clause& clause, const Offer& offer) {
  if (clause.as.empty()) return true;
  if (clause.group == "meta.k8s.io" && clause.version != "v1") return false;
  if (clause.as == "Table") return offer.table && clause.group == "meta.k8s.io";
  if (clause.as == "PartialObjectMetadata" || clause.as == "PartialObjectMetadataList") {
    return offer.partial && clause.group == "meta.k8s.io";
  }
  if (clause.as == "APIGroupDiscoveryList") {
    return offer.discovery && clause.group == "apidiscovery.k8s.io" &&
           (clause.version == "v2" || clause.version == "v2beta1");
  }
  return false;
}

}  // namespace

absl::StatusOr<Format> Negotiate(absl::string_view accept, const Offer& offer) {
  if (absl::StripAsciiWhitespace(accept).empty()) return Format{};
  for (const Clause& clause : Parse(accept)) {
    if (!Offers(clause, offer)) continue;
    Format format;
    format.as = clause.as;
    format.version = clause.version;
    if (clause.type == "application/json" || clause.type == "*/*" ||
        clause.type == "application/*") {
      return format;
    }
    // Tables and discovery have no protobuf form here.
    if (clause.type == "application/yaml" && offer.yaml && clause.as.empty()) {
      format.encoding = Encoding::kYaml;
      return format;
    }
    if (clause.type == "application/vnd.kubernetes.protobuf" && offer.protobuf &&
        clause.as.empty()) {
      format.encoding = Encoding::kProtobuf;
      return format;
    }
  }
  return api::NotAcceptable(
      "only the following media types are accepted: application/json, application/yaml, "
      "application/vnd.kubernetes.protobuf");
}

const char* ContentType(Encoding encoding, bool watch) {
  switch (encoding) {
    case Encoding::kJson:
      return "application/json";
    case Encoding::kYaml:
      return "application/yaml";
    case Encoding::kProtobuf:
      return watch ? "application/vnd.kubernetes.protobuf;stream=watch"
                   : "application/vnd.kubernetes.protobuf";
  }
  return "application/json";
}

}  // namespace skiff::apiserver::http
