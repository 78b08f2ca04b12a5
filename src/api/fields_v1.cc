#include "api/fields_v1.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "base/status.h"

namespace skiff::api {
namespace {

constexpr absl::string_view kLetters = "fkvi";  // In the order of PathStep::Kind.

bool IsPlain(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
  });
}

}  // namespace

absl::Status FieldsV1Reader::Fault(absl::string_view expected) const {
  return absl::InvalidArgumentError(
      absl::StrCat("malformed FieldsV1 at byte ", at_, ": expected ", expected));
}

void FieldsV1Reader::SkipBlanks() {
  while (at_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
}

bool FieldsV1Reader::Take(char c) {
  SkipBlanks();
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

absl::Status FieldsV1Reader::String(std::string* scratch, absl::string_view* out) {
  if (!Take('"')) return Fault("a string");
  const size_t start = at_;
  bool escaped = false;
  while (at_ < text_.size() && text_[at_] != '"') {
    if (text_[at_] == '\\') {
      escaped = true;
      ++at_;
    }
    ++at_;
  }
  if (at_ >= text_.size()) return Fault("the end of a string");
  const absl::string_view raw = text_.substr(start, at_ - start);
  ++at_;
  if (!escaped) {
    *out = raw;
    return absl::OkStatus();
  }
  scratch->clear();
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      scratch->push_back(raw[i]);
    } else if (raw[i + 1] == '"' || raw[i + 1] == '\\' || raw[i + 1] == '/') {
      scratch->push_back(raw[++i]);
    } else {
      SKIFF_ASSIGN_OR_RETURN(const JsonValue whole,
                             JsonValue::Parse(absl::StrCat("\"", raw, "\"")));
      *scratch = whole.text();
      break;
    }
  }
  *out = *scratch;
  return absl::OkStatus();
}

absl::Status FieldsV1Reader::Skip() {
  if (!Take('{')) return Fault("an object");
  for (int open = 1; open > 0; ++at_) {
    if (at_ >= text_.size()) return Fault("the end of an object");
    const char c = text_[at_];
    if (c == '{') ++open;
    if (c == '}') --open;
    if (c != '"') continue;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
  }
  return absl::OkStatus();
}

bool FieldsV1Reader::AtEnd() {
  SkipBlanks();
  return at_ == text_.size();
}

bool FieldsV1Reader::StepOf(absl::string_view name, PathStep* step) {
  if (name.size() < 2 || name[1] != ':') return false;
  const size_t letter = kLetters.find(name[0]);
  if (letter == absl::string_view::npos) return false;
  *step = {static_cast<PathStep::Kind>(letter), name.substr(2)};
  return true;
}

void AppendStepName(const PathStep& step, std::string* out) {
  const char head[] = {'"', kLetters[static_cast<size_t>(step.kind)], ':'};
  const absl::string_view start(head, sizeof(head));
  if (IsPlain(step.text)) return absl::StrAppend(out, start, step.text, "\":");
  out->append(start.data(), start.size());
  // As a string of its own, and then without its first quote.
  const size_t at = out->size();
  AppendJsonString(step.text, out);
  out->erase(at, 1);
  out->push_back(':');
}

}  // namespace skiff::api
