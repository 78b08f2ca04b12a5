#include "api/selector.h"

#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

LabelSelector::Labels LabelsOf(std::initializer_list<std::pair<const char*, const char*>> pairs) {
  LabelSelector::Labels labels;
  for (const auto& [key, value] : pairs) labels[key] = value;
  return labels;
}

bool Matches(absl::string_view selector, const LabelSelector::Labels& labels) {
  const absl::StatusOr<LabelSelector> parsed = LabelSelector::Parse(selector);
  INFO(selector << ": " << parsed.status().ToString());
  REQUIRE(parsed.ok());
  return parsed->Matches(labels);
}

TEST_CASE("LabelSelectorsMatchAsKubernetesDoes") {
  const auto labels = LabelsOf({{"app", "web"}, {"tier", "front"}, {"n", "5"}, {"empty", ""}});
  for (const char* yes : {"",
                          "app=web",
                          "app==web",
                          "app!=db",
                          "other!=x",
                          "app in (web,db)",
                          "app in (web)",
                          "other notin (x)",
                          "app notin (db)",
                          "app",
                          "!other",
                          "app=web,tier=front",
                          " app = web , tier ",
                          "n>4",
                          "n<6",
                          "empty=",
                          "empty",
                          "empty in (,x)",
                          "app in ( db , web )",
                          "!other,app"}) {
    INFO(yes);
    CHECK(Matches(yes, labels));
  }
  for (const char* no : {"app=db", "app!=web", "other=x", "app in (db)", "app notin (web)", "!app",
                         "other", "app=web,tier=back", "n>5", "n<5", "app>1", "other in (,x)"}) {
    INFO(no);
    CHECK_FALSE(Matches(no, labels));
  }
}

TEST_CASE("InAndNotinAreWordsWhereNoOperatorStands") {
  CHECK(Matches("in=notin", LabelsOf({{"in", "notin"}})));
  CHECK(Matches("in in (in)", LabelsOf({{"in", "in"}})));
}

TEST_CASE("LabelSelectorFaultsAreSaidInKubernetesWords") {
  const std::pair<const char*, const char*> rows[] = {
      {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {"a,", "found '', expected: identifier after ','"},
      {",a", "found ',', expected: !, identifier, or 'end of string'"},
      {"a in x", "unable to parse requirement: found 'x' expected: '('"},
      {"a in (x y)", "unable to parse requirement: found 'y', expected: ',' or ')'"},
      {"a=b=c", "found '=', expected: ',' or 'end of string'"},
      {"!", "unable to parse requirement: found '', expected: identifier"},
      {"a>x",
       "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' "
       "operators, the value must be an integer"},
  };
  for (const auto& [text, error] : rows) {
    INFO(text);
    CHECK(LabelSelector::Parse(text).status().message() == error);
  }
  CHECK_FALSE(LabelSelector::Parse("-a=b").ok());
  CHECK_FALSE(LabelSelector::Parse("a=b_").ok());
  CHECK_FALSE(LabelSelector::Parse("a in (").ok());
}

TEST_CASE("LabelSelectorsReadTheirMessageForm") {
  const auto proto = FromJson<metav1::LabelSelector>(R"({
    "matchLabels": {"app": "web"},
    "matchExpressions": [{"key": "tier", "operator": "In", "values": ["b", "a"]},
                         {"key": "x", "operator": "DoesNotExist"}]})");
  const absl::StatusOr<LabelSelector> selector = LabelSelector::FromProto(proto);
  REQUIRE(selector.ok());
  CHECK(selector->ToString() == "app=web,tier in (a,b),!x");
  CHECK(selector->Matches(LabelsOf({{"app", "web"}, {"tier", "a"}})));
  CHECK_FALSE(selector->Matches(LabelsOf({{"app", "web"}, {"tier", "c"}})));
  CHECK_FALSE(selector->Matches(LabelsOf({{"app", "web"}, {"tier", "a"}, {"x", ""}})));
  CHECK(LabelSelector::FromProto({})->Matches({}));
  CHECK_FALSE(LabelSelector::Nothing().Matches({}));
  const absl::StatusOr<LabelSelector> again = LabelSelector::Parse(selector->ToString());
  CHECK(again->ToString() == selector->ToString());
  CHECK(LabelSelector::FromProto(FromJson<metav1::LabelSelector>(
                                     R"({"matchExpressions": [{"key": "a", "operator": "Like"}]})"))
            .status()
            .message() == "\"Like\" is not a valid label selector operator");
}

TEST_CASE("FieldSelectorsMatchTheFieldsOfTheirKind") {
  const ObjectPtr pod = ObjectFromJson<corev1::Pod>(
      R"({"metadata": {"name": "p", "namespace": "ns"}, "spec": {"nodeName": "n1"},
          "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}})");
  const ResourceInfo& pods = ResourceOf<corev1::Pod>();
  const auto matches = [&](absl::string_view text) {
    const absl::StatusOr<FieldSelector> selector = FieldSelector::Parse(pods, text);
    INFO(text << ": " << selector.status().ToString());
    REQUIRE(selector.ok());
    return selector->Matches(*pod);
  };
  for (const char* yes : {"", "metadata.name=p", "spec.nodeName==n1", "status.phase!=Failed",
                          "metadata.namespace=ns,status.phase=Running", "status.podIP=10.0.0.1",
                          "spec.hostNetwork=false", "status.nominatedNodeName="}) {
    INFO(yes);
    CHECK(matches(yes));
  }
  for (const char* no : {"metadata.name=q", "spec.nodeName!=n1", "spec.nodeName="}) {
    INFO(no);
    CHECK_FALSE(matches(no));
  }
}

TEST_CASE("FieldSelectorsTellTheValueForAnIndex") {
  const auto selector =
      FieldSelector::Parse(ResourceOf<corev1::Pod>(), "spec.nodeName=n1,status.phase!=Failed");
  REQUIRE(selector.ok());
  REQUIRE(selector->Exact("spec.nodeName").has_value());
  CHECK(*selector->Exact("spec.nodeName") == "n1");
  CHECK_FALSE(selector->Exact("status.phase").has_value());
  CHECK(selector->ToString() == "spec.nodeName=n1,status.phase!=Failed");
}

TEST_CASE("FieldSelectorFaultsNameTheFieldOrTheText") {
  const ResourceInfo& pods = ResourceOf<corev1::Pod>();
  CHECK(FieldSelector::Parse(pods, "spec.color=red").status().message() ==
        "field label not supported: spec.color");
  CHECK(
      FieldSelector::Parse(ResourceOf<corev1::ConfigMap>(), "spec.nodeName=x").status().message() ==
      "field label not supported: spec.nodeName");
  CHECK(FieldSelector::Parse(pods, "metadata.name").status().message() ==
        "invalid selector: 'metadata.name'; can't understand 'metadata.name'");
  CHECK_FALSE(FieldSelector::Parse(pods, "metadata.name!x").ok());
  CHECK_FALSE(FieldSelector::Parse(pods, "metadata.name=a=b").ok());
  CHECK_FALSE(FieldSelector::Parse(pods, "metadata.name=a\\b").ok());
  CHECK(*FieldSelector::Parse(pods, "metadata.name=a\\,b")->Exact("metadata.name") == "a,b");
}

TEST_CASE("EventsAreSelectedByWhatTheyAreAbout") {
  const ObjectPtr event = ObjectFromJson<corev1::Event>(
      R"({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p"},
          "type": "Warning", "reportingComponent": "scheduler"})");
  const auto selector = FieldSelector::Parse(
      ResourceOf<corev1::Event>(),
      "involvedObject.kind=Pod,involvedObject.name=p,type=Warning,source=scheduler");
  REQUIRE(selector.ok());
  CHECK(selector->Matches(*event));
}

}  // namespace
}  // namespace skiff::api
