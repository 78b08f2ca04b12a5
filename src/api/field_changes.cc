#include "api/field_changes.h"

#include <string.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/fields_v1.h"
#include "base/status.h"

namespace skiff::api {
namespace {

constexpr size_t kChunkBytes = 512;
constexpr size_t kStepBytes = 24;  // What a step takes in JSON, roughly.
constexpr int kMaxDepth = 400;     // Deeper than any object that the decoders accept.

}  // namespace

// Walks the JSON of a set and the changes side by side: both are in order.
class FieldChanges::Counter {
 public:
  Counter(const FieldChanges& changes, absl::string_view text) : changes_(changes), in_(text) {}

  absl::StatusOr<Counts> Run() {
    bool self = false;
    SKIFF_RETURN_IF_ERROR(Object(1, 0, &self));
    return counts_;
  }

 private:
  absl::Status Object(int depth, int at, bool* self) {
    if (depth > kMaxDepth) return in_.Fault("less nesting");
    int next = changes_.nodes_[at].first;
    return in_.Object(self, [&](absl::string_view name) -> absl::Status {
      PathStep step{};
      if (!FieldsV1Reader::StepOf(name, &step)) return in_.Skip();
      int order = 1;
      while (next >= 0 && (order = Compare(changes_.nodes_[next].step, step)) < 0) {
        next = changes_.nodes_[next].next;
      }
      if (next < 0 || order != 0) return in_.Skip();
      bool member = false;
      SKIFF_RETURN_IF_ERROR(Object(depth + 1, next, &member));
      const Node& node = changes_.nodes_[next];
      if (member && (node.self & kWritten) != 0) ++counts_.written;
      if (member && (node.self & kRemoved) != 0) ++counts_.removed;
      return absl::OkStatus();
    });
  }

  const FieldChanges& changes_;
  FieldsV1Reader in_;
  Counts counts_;
};

int FieldChanges::ChildOf(int parent, const PathStep& step) {
  const int last = nodes_[parent].last;
  if (last >= 0) {
    const int order = Compare(nodes_[last].step, step);
    if (order == 0) return last;
    if (order > 0) nodes_[parent].unordered = true;
  }
  const int at = static_cast<int>(nodes_.size());
  nodes_.emplace_back().step = step;
  (last >= 0 ? nodes_[last].next : nodes_[parent].first) = at;
  nodes_[parent].last = at;
  return at;
}

void FieldChanges::Insert(Kind kind) {
  if (path_.empty()) return;
  int at = 0;
  for (Entered& entered : path_) {
    nodes_[at].below |= kind;
    if (entered.node < 0) entered.node = ChildOf(at, entered.step);
    at = entered.node;
  }
  uint8_t& self = nodes_[at].self;
  if ((kind & kWritten) != 0 && (self & kWritten) == 0) ++written_;
  self |= kind;
}

absl::string_view FieldChanges::Keep(absl::string_view text) {
  if (text.size() > room_) {
    room_ = std::max(kChunkBytes, text.size());
    kept_.push_back(std::make_unique<char[]>(room_));
    free_ = kept_.back().get();
  }
  memcpy(free_, text.data(), text.size());
  const absl::string_view kept(free_, text.size());
  free_ += text.size();
  room_ -= text.size();
  return kept;
}

std::string FieldChanges::Path() const {
  std::string out;
  for (const Entered& entered : path_) out += entered.step.ToString();
  return out;
}

void FieldChanges::Order(int parent) {
  std::vector<int> children;
  for (int at = nodes_[parent].first; at >= 0; at = nodes_[at].next) children.push_back(at);
  std::sort(children.begin(), children.end(),
            [this](int a, int b) { return Compare(nodes_[a].step, nodes_[b].step) < 0; });
  nodes_[parent].first = children.front();
  for (size_t i = 0; i + 1 < children.size(); ++i) nodes_[children[i]].next = children[i + 1];
  nodes_[children.back()].next = -1;
  nodes_[parent].last = children.back();
}

void FieldChanges::Finish() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].unordered) Order(static_cast<int>(i));
  }
}

void FieldChanges::CopyTo(int at, Kind kinds, FieldSet* out) const {
  for (int child = nodes_[at].first; child >= 0; child = nodes_[child].next) {
    const Node& node = nodes_[child];
    if (((node.self | node.below) & kinds) == 0) continue;
    FieldSet::Node& into = out->Descend(node.step);
    into.member = (node.self & kinds) != 0;
    CopyTo(child, kinds, &into.below);
  }
}

FieldSet FieldChanges::Set(Kind kinds) const {
  FieldSet out;
  CopyTo(0, kinds, &out);
  return out;
}

void FieldChanges::AppendJson(int at, Kind kinds, std::string* out) const {
  if ((nodes_[at].below & kinds) == 0) {
    out->append("{}");
    return;
  }
  out->push_back('{');
  if ((nodes_[at].self & kinds) != 0) out->append("\".\":{},");
  for (int child = nodes_[at].first; child >= 0; child = nodes_[child].next) {
    const Node& node = nodes_[child];
    if (((node.self | node.below) & kinds) == 0) continue;
    AppendStepName(node.step, out);
    AppendJson(child, kinds, out);
    out->push_back(',');
  }
  out->back() = '}';
}

std::string FieldChanges::ToJson(Kind kinds) const {
  std::string out;
  out.reserve(nodes_.size() * kStepBytes);
  AppendJson(0, kinds, &out);
  return out;
}

absl::StatusOr<FieldChanges::Counts> FieldChanges::CountIn(absl::string_view fields_v1) const {
  // Most sets have none of them, and not even what all of them are below.
  int at = 0;
  while (nodes_[at].first >= 0 && nodes_[at].first == nodes_[at].last) {
    const int only = nodes_[at].first;
    if (nodes_[only].step.kind != PathStep::Kind::kField || nodes_[at].self != 0) break;
    at = only;
  }
  if (at != 0) {
    std::string name;
    AppendStepName(nodes_[at].step, &name);
    if (memmem(fields_v1.data(), fields_v1.size(), name.data(), name.size()) == nullptr) {
      return Counts();
    }
  }
  return Counter(*this, fields_v1).Run();
}

}  // namespace skiff::api
