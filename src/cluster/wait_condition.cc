#include "cluster/wait_condition.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace skiff::cluster {
namespace {

using api::JsonValue;

absl::StatusOr<std::vector<std::string>> ParsePath(absl::string_view written) {
  const auto invalid = [&] {
    return absl::InvalidArgumentError(absl::StrCat(
        "jsonpath \"", written, "\": want {.field.field[INDEX]…}, such as {.status.phase}"));
  };
  absl::string_view path = written;
  if (absl::ConsumePrefix(&path, "{") != absl::ConsumeSuffix(&path, "}")) return invalid();
  absl::ConsumePrefix(&path, "$");
  std::vector<std::string> steps;
  while (!path.empty()) {
    if (absl::ConsumePrefix(&path, "[")) {
      const size_t end = path.find(']');
      if (end == absl::string_view::npos) return invalid();
      absl::string_view step = path.substr(0, end);
      if (absl::ConsumePrefix(&step, "'") && !absl::ConsumeSuffix(&step, "'")) return invalid();
      steps.emplace_back(step);
      path.remove_prefix(end + 1);
      continue;
    }
    absl::ConsumePrefix(&path, ".");
    std::string step;
    // A backslash takes the dot after it into the name, as in labels.app\.kubernetes\.io/name.
    while (!path.empty() && path[0] != '.' && path[0] != '[') {
      if (path[0] == '\\' && path.size() > 1) path.remove_prefix(1);
      step += path[0];
      path.remove_prefix(1);
    }
    if (step.empty()) return invalid();
    steps.push_back(std::move(step));
  }
  if (steps.empty()) return invalid();
  return steps;
}

const JsonValue* Walk(const JsonValue& object, const std::vector<std::string>& steps) {
  const JsonValue* at = &object;
  for (const std::string& step : steps) {
    if (at->is_array()) {
      size_t index = 0;
      if (!absl::SimpleAtoi(step, &index) || index >= at->items().size()) return nullptr;
      at = &at->items()[index];
    } else {
      at = at->Find(step);
      if (at == nullptr) return nullptr;
    }
  }
  return at;
}

std::string Plain(const JsonValue& value) {
  return value.is_string() ? value.text() : value.ToString();
}

std::string Member(const JsonValue& object, absl::string_view name) {
  const JsonValue* value = object.Find(name);
  return value == nullptr ? "" : Plain(*value);
}

const JsonValue* FindCondition(const JsonValue& object, absl::string_view type) {
  const JsonValue* list = Walk(object, {"status", "conditions"});
  if (list == nullptr) return nullptr;
  for (const JsonValue& condition : list->items()) {
    if (absl::EqualsIgnoreCase(Member(condition, "type"), type)) return &condition;
  }
  return nullptr;
}

// A controller that has not yet seen the newest spec speaks of an older one.
bool IsStale(const JsonValue& object) {
  const JsonValue* observed = Walk(object, {"status", "observedGeneration"});
  const JsonValue* generation = Walk(object, {"metadata", "generation"});
  int64_t seen = 0;
  int64_t newest = 0;
  return observed != nullptr && generation != nullptr &&
         absl::SimpleAtoi(observed->text(), &seen) &&
         absl::SimpleAtoi(generation->text(), &newest) && seen < newest;
}

}  // namespace

absl::StatusOr<WaitCondition> WaitCondition::Parse(absl::string_view text) {
  WaitCondition out;
  absl::string_view rest = text;
  if (text == "delete" || text == "create") {
    out.kind_ = text == "delete" ? Kind::kDelete : Kind::kCreate;
    return out;
  }
  if (absl::ConsumePrefix(&rest, "condition=")) {
    const size_t equals = rest.find('=');
    out.name_ = std::string(rest.substr(0, equals));
    out.value_ = equals == absl::string_view::npos ? "True" : std::string(rest.substr(equals + 1));
    if (!out.name_.empty()) return out;
  } else if (absl::ConsumePrefix(&rest, "jsonpath=")) {
    out.kind_ = Kind::kJsonPath;
    const size_t brace = rest.find('}');
    const size_t equals = rest.find('=', brace == absl::string_view::npos ? 0 : brace);
    out.name_ = std::string(rest.substr(0, equals));
    out.any_value_ = equals == absl::string_view::npos;
    if (!out.any_value_) out.value_ = std::string(rest.substr(equals + 1));
    auto steps = ParsePath(out.name_);
    if (!steps.ok()) return steps.status();
    out.steps_ = *std::move(steps);
    return out;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("cannot wait for \"", text,
                   "\": want condition=NAME[=STATUS], jsonpath={PATH}[=VALUE], create or delete"));
}

bool WaitCondition::Holds(const JsonValue& object) const {
  switch (kind_) {
    case Kind::kDelete:
      return false;
    case Kind::kCreate:
      return true;
    case Kind::kCondition: {
      const JsonValue* condition = FindCondition(object, name_);
      return condition != nullptr && !IsStale(object) &&
             absl::EqualsIgnoreCase(Member(*condition, "status"), value_);
    }
    case Kind::kJsonPath: {
      const JsonValue* value = Walk(object, steps_);
      return value != nullptr && (any_value_ || Plain(*value) == value_);
    }
  }
  return false;
}

std::string WaitCondition::Describe(const JsonValue& object) const {
  switch (kind_) {
    case Kind::kDelete:
      return "it still exists";
    case Kind::kCreate:
      return "it exists";
    case Kind::kCondition: {
      const JsonValue* condition = FindCondition(object, name_);
      if (condition == nullptr) return absl::StrCat("it has no condition ", name_);
      return absl::StrCat("condition ", name_, " is \"", Member(*condition, "status"),
                          "\": ", Member(*condition, "reason"), " ", Member(*condition, "message"));
    }
    case Kind::kJsonPath: {
      const JsonValue* value = Walk(object, steps_);
      return value == nullptr ? absl::StrCat("it has no ", name_)
                              : absl::StrCat(name_, " is ", value->ToString());
    }
  }
  return "";
}

}  // namespace skiff::cluster
