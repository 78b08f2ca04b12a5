#include "api/field_set.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/fields_v1.h"
#include "api/json_value.h"
#include "base/status.h"

namespace skiff::api {
namespace {

// Deeper than any object that the decoders accept.
constexpr int kMaxDepth = 400;

int Sign(int difference) { return difference < 0 ? -1 : difference > 0 ? 1 : 0; }

// The order of scalars of different types: numbers, strings, booleans, null.
int RankOf(const JsonValue& value) {
  switch (value.type()) {
    case JsonValue::Type::kNumber:
      return 0;
    case JsonValue::Type::kString:
      return 1;
    case JsonValue::Type::kBool:
      return 2;
    case JsonValue::Type::kArray:
      return 3;
    case JsonValue::Type::kObject:
      return 4;
    case JsonValue::Type::kNull:
      return 5;
  }
  return 5;
}

int CompareNumbers(const std::string& a, const std::string& b) {
  int64_t whole_a, whole_b;
  if (absl::SimpleAtoi(a, &whole_a) && absl::SimpleAtoi(b, &whole_b)) {
    return whole_a < whole_b ? -1 : whole_a > whole_b ? 1 : 0;
  }
  double real_a = 0, real_b = 0;
  if (!absl::SimpleAtod(a, &real_a) || !absl::SimpleAtod(b, &real_b)) return Sign(a.compare(b));
  return real_a < real_b ? -1 : real_a > real_b ? 1 : 0;
}

int CompareValues(const JsonValue& a, const JsonValue& b) {
  if (const int rank = RankOf(a) - RankOf(b); rank != 0) return Sign(rank);
  switch (a.type()) {
    case JsonValue::Type::kNumber:
      return CompareNumbers(a.text(), b.text());
    case JsonValue::Type::kString:
      return Sign(a.text().compare(b.text()));
    case JsonValue::Type::kBool:
      return static_cast<int>(a.boolean()) - static_cast<int>(b.boolean());
    case JsonValue::Type::kNull:
      return 0;
    default:
      return Sign(a.ToString().compare(b.ToString()));
  }
}

int CompareKeys(const JsonValue& a, const JsonValue& b) {
  const auto& left = a.entries();
  const auto& right = b.entries();
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    if (const int names = left[i].first.compare(right[i].first); names != 0) return Sign(names);
    if (const int values = CompareValues(left[i].second, right[i].second); values != 0) {
      return values;
    }
  }
  return Sign(static_cast<int>(left.size()) - static_cast<int>(right.size()));
}

// `{"name":"a"}` and `{"name":"b"}` are in the order of a and b where nothing is escaped: the case
// of nearly all keys, told without reading them. 2: it is not that easy.
int CompareSimple(absl::string_view a, absl::string_view b) {
  size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  if (at == a.size() || at == b.size()) return 2;
  const auto in_string = [at](absl::string_view text) {
    bool inside = false;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\') return false;
      if (i == at) return inside;
      if (text[i] == '"') inside = !inside;
    }
    return false;
  };
  if (!in_string(a) || !in_string(b)) return 2;
  // The shorter string ends here.
  if (a[at] == '"') return -1;
  if (b[at] == '"') return 1;
  return static_cast<unsigned char>(a[at]) < static_cast<unsigned char>(b[at]) ? -1 : 1;
}

int CompareJson(PathStep::Kind kind, absl::string_view a, absl::string_view b) {
  if (a == b) return 0;
  if (const int simple = CompareSimple(a, b); simple != 2) return simple;
  const auto left = JsonValue::Parse(a);
  const auto right = JsonValue::Parse(b);
  if (!left.ok() || !right.ok()) return Sign(a.compare(b));
  return kind == PathStep::Kind::kKey ? CompareKeys(*left, *right) : CompareValues(*left, *right);
}

std::string ValueText(const JsonValue& value) {
  return value.is_string() ? JsonString(value.text()) : value.ToString();
}

// `{"name":"plain"}`: what is canonical at a glance.
bool IsCanonicalKey(absl::string_view json) {
  if (!absl::StartsWith(json, "{\"") || !absl::EndsWith(json, "\"}")) return false;
  const absl::string_view inner = json.substr(2, json.size() - 4);
  const size_t middle = inner.find("\":\"");
  return middle != absl::string_view::npos &&
         inner.find_first_of("\"\\", middle + 3) == absl::string_view::npos &&
         inner.find_first_of("\"\\") == middle;
}

// The text of a key or value in the one form that such things have here.
absl::StatusOr<std::string> CanonicalJson(PathStep::Kind kind, absl::string_view json) {
  if (kind == PathStep::Kind::kKey && IsCanonicalKey(json)) return std::string(json);
  SKIFF_ASSIGN_OR_RETURN(JsonValue value, JsonValue::Parse(json));
  if (kind == PathStep::Kind::kKey) {
    if (!value.is_object()) return absl::InvalidArgumentError("a key must be a JSON object");
    std::stable_sort(value.entries().begin(), value.entries().end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string out;
    for (const auto& [name, part] : value.entries()) {
      absl::StrAppend(&out, out.empty() ? "{" : ",", JsonString(name), ":", ScalarText(part));
    }
    return out.empty() ? "{}" : absl::StrCat(out, "}");
  }
  return ScalarText(value);
}

}  // namespace

// The JSON of FieldsV1, straight into sets.
class FieldSetReader {
 public:
  explicit FieldSetReader(absl::string_view text) : in_(text) {}

  absl::Status Read(FieldSet* set) {
    bool self = false;
    SKIFF_RETURN_IF_ERROR(Object(1, set, &self));
    return in_.AtEnd() ? absl::OkStatus() : in_.Fault("the end");
  }

 private:
  // `self`: whether the path that leads here is a member.
  absl::Status Object(int depth, FieldSet* set, bool* self) {
    if (depth > kMaxDepth) return in_.Fault("less nesting");
    SKIFF_RETURN_IF_ERROR(
        in_.Object(self, [&](absl::string_view name) { return Member(depth, name, set); }));
    if (set->nodes_.empty()) *self = true;
    return absl::OkStatus();
  }

  absl::Status Member(int depth, absl::string_view name, FieldSet* set) {
    if (name.size() < 2 || name[1] != ':') return in_.Fault("a name as f:, k:, v: or i: begin it");
    PathStep step{};
    if (!FieldsV1Reader::StepOf(name, &step)) return in_.Skip();
    const auto [kind, text] = step;
    FieldSet::Node* node = nullptr;
    if (kind == PathStep::Kind::kKey || kind == PathStep::Kind::kValue) {
      const auto canonical = CanonicalJson(kind, text);
      if (!canonical.ok()) return in_.Fault("JSON in the name");
      node = &NodeOf({kind, *canonical}, set);
    } else {
      int64_t index;
      if (kind == PathStep::Kind::kIndex && !absl::SimpleAtoi(text, &index)) {
        return in_.Fault("a number in the name");
      }
      node = &NodeOf({kind, text}, set);
    }
    bool member = false;
    SKIFF_RETURN_IF_ERROR(Object(depth + 1, &node->below, &member));
    if (member) node->member = true;
    return absl::OkStatus();
  }

  // What was printed is in order, and so are most texts.
  static FieldSet::Node& NodeOf(const PathStep& step, FieldSet* set) {
    if (!set->nodes_.empty() && Compare(set->nodes_.back().step(), step) >= 0) {
      return set->Descend(step);
    }
    FieldSet::Node& node = set->nodes_.emplace_back();
    node.kind = step.kind;
    node.text = std::string(step.text);
    return node;
  }

  FieldsV1Reader in_;
};

std::string ScalarText(const JsonValue& value) {
  int64_t whole;
  double real;
  if (value.type() == JsonValue::Type::kNumber && !absl::SimpleAtoi(value.text(), &whole) &&
      absl::SimpleAtod(value.text(), &real) && std::abs(real) < 1e15 && real == std::trunc(real)) {
    return absl::StrCat(static_cast<int64_t>(real));
  }
  return value.ToString();
}

std::string PathStep::ToString() const {
  switch (kind) {
    case Kind::kField:
      return absl::StrCat(".", text);
    case Kind::kIndex:
      return absl::StrCat("[", text, "]");
    case Kind::kValue:
    case Kind::kKey:
      break;
  }
  const auto value = JsonValue::Parse(text);
  if (!value.ok()) return absl::StrCat("[", text, "]");
  if (kind == Kind::kValue) return absl::StrCat("[=", ValueText(*value), "]");
  std::string out;
  for (const auto& [name, part] : value->entries()) {
    absl::StrAppend(&out, out.empty() ? "" : ",", name, "=", ValueText(part));
  }
  return absl::StrCat("[", out, "]");
}

std::string PathToString(absl::Span<const PathStep> path) {
  std::string out;
  for (const PathStep& step : path) absl::StrAppend(&out, step.ToString());
  return out;
}

int Compare(const PathStep& a, const PathStep& b) {
  if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
  switch (a.kind) {
    case PathStep::Kind::kField:
      return Sign(a.text.compare(b.text));
    case PathStep::Kind::kIndex:
      return CompareNumbers(std::string(a.text), std::string(b.text));
    default:
      return CompareJson(a.kind, a.text, b.text);
  }
}

FieldSet::FieldSet() = default;
FieldSet::FieldSet(const FieldSet&) = default;
FieldSet::FieldSet(FieldSet&&) noexcept = default;
FieldSet& FieldSet::operator=(const FieldSet&) = default;
FieldSet& FieldSet::operator=(FieldSet&&) noexcept = default;
FieldSet::~FieldSet() = default;

absl::StatusOr<FieldSet> FieldSet::Parse(absl::string_view fields_v1) {
  FieldSet out;
  SKIFF_RETURN_IF_ERROR(FieldSetReader(fields_v1).Read(&out));
  return out;
}

void FieldSet::AppendJson(bool self, std::string* out) const {
  out->push_back('{');
  if (self && !nodes_.empty()) out->append("\".\":{},");
  for (const Node& node : nodes_) {
    AppendStepName(node.step(), out);
    node.below.AppendJson(node.member, out);
    out->push_back(',');
  }
  if (out->back() == ',') {
    out->back() = '}';
  } else {
    out->push_back('}');
  }
}

std::string FieldSet::ToJson() const {
  std::string out;
  AppendJson(false, &out);
  return out;
}

size_t FieldSet::size() const {
  size_t count = 0;
  for (const Node& node : nodes_) count += (node.member ? 1 : 0) + node.below.size();
  return count;
}

const FieldSet::Node* FieldSet::Find(const PathStep& step) const {
  const auto it =
      std::lower_bound(nodes_.begin(), nodes_.end(), step,
                       [](const Node& a, const PathStep& b) { return Compare(a.step(), b) < 0; });
  return it != nodes_.end() && Compare(it->step(), step) == 0 ? &*it : nullptr;
}

FieldSet::Node& FieldSet::Descend(const PathStep& step) {
  auto it =
      std::lower_bound(nodes_.begin(), nodes_.end(), step,
                       [](const Node& a, const PathStep& b) { return Compare(a.step(), b) < 0; });
  if (it == nodes_.end() || Compare(it->step(), step) != 0) {
    it = nodes_.insert(it, Node());
    it->kind = step.kind;
    it->text = std::string(step.text);
  }
  return *it;
}

void FieldSet::Insert(absl::Span<const PathStep> path) {
  if (path.empty()) return;
  FieldSet* set = this;
  for (size_t i = 0; i + 1 < path.size(); ++i) set = &set->Descend(path[i]).below;
  set->Descend(path.back()).member = true;
}

bool FieldSet::Has(absl::Span<const PathStep> path) const {
  const FieldSet* set = this;
  for (size_t i = 0; i < path.size(); ++i) {
    const Node* node = set->Find(path[i]);
    if (node == nullptr) return false;
    if (i + 1 == path.size()) return node->member;
    set = &node->below;
  }
  return false;
}

FieldSet FieldSet::Union(const FieldSet& other) const {
  FieldSet out;
  out.nodes_.reserve(std::max(nodes_.size(), other.nodes_.size()));
  auto a = nodes_.begin();
  auto b = other.nodes_.begin();
  while (a != nodes_.end() && b != other.nodes_.end()) {
    const int order = Compare(a->step(), b->step());
    if (order < 0) {
      out.nodes_.push_back(*a++);
    } else if (order > 0) {
      out.nodes_.push_back(*b++);
    } else {
      out.nodes_.push_back({a->kind, a->member || b->member, a->text, a->below.Union(b->below)});
      ++a;
      ++b;
    }
  }
  out.nodes_.insert(out.nodes_.end(), a, nodes_.end());
  out.nodes_.insert(out.nodes_.end(), b, other.nodes_.end());
  return out;
}

FieldSet FieldSet::Intersection(const FieldSet& other) const {
  FieldSet out;
  auto b = other.nodes_.begin();
  for (const Node& node : nodes_) {
    int order = 1;
    while (b != other.nodes_.end() && (order = Compare(b->step(), node.step())) < 0) ++b;
    if (b == other.nodes_.end()) break;
    if (order != 0) continue;
    Node both{node.kind, node.member && b->member, node.text, node.below.Intersection(b->below)};
    if (both.member || !both.below.empty()) out.nodes_.push_back(std::move(both));
  }
  return out;
}

template <bool kRecursive>
FieldSet FieldSet::Minus(const FieldSet& other) const {
  FieldSet out;
  auto b = other.nodes_.begin();
  for (const Node& node : nodes_) {
    int order = 1;
    while (b != other.nodes_.end() && (order = Compare(b->step(), node.step())) < 0) ++b;
    if (b == other.nodes_.end() || order != 0) {
      out.nodes_.push_back(node);
      continue;
    }
    Node left{node.kind, node.member && !b->member, node.text, {}};
    if (!kRecursive || !b->member) left.below = node.below.Minus<kRecursive>(b->below);
    if (left.member || !left.below.empty()) out.nodes_.push_back(std::move(left));
  }
  return out;
}

FieldSet FieldSet::Difference(const FieldSet& other) const { return Minus<false>(other); }

FieldSet FieldSet::RecursiveDifference(const FieldSet& other) const { return Minus<true>(other); }

FieldSet FieldSet::Leaves() const {
  FieldSet out;
  for (const Node& node : nodes_) {
    out.nodes_.push_back({node.kind, node.below.empty(), node.text, node.below.Leaves()});
  }
  return out;
}

void FieldSet::Visit(FieldPath* prefix,
                     const std::function<void(absl::Span<const PathStep>)>& visit) const {
  for (const Node& node : nodes_) {
    if (!node.member) continue;
    prefix->push_back(node.step());
    visit(*prefix);
    prefix->pop_back();
  }
  for (const Node& node : nodes_) {
    prefix->push_back(node.step());
    node.below.Visit(prefix, visit);
    prefix->pop_back();
  }
}

void FieldSet::ForEach(const std::function<void(absl::Span<const PathStep>)>& visit) const {
  FieldPath prefix;
  Visit(&prefix, visit);
}

bool operator==(const FieldSet& a, const FieldSet& b) {
  return std::equal(a.nodes_.begin(), a.nodes_.end(), b.nodes_.begin(), b.nodes_.end(),
                    [](const FieldSet::Node& x, const FieldSet::Node& y) {
                      return x.member == y.member && Compare(x.step(), y.step()) == 0 &&
                             x.below == y.below;
                    });
}

}  // namespace skiff::api
