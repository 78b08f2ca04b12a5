#include "api/json_value.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::api {
namespace {

constexpr int kMaxDepth = 200;
constexpr size_t kManyMembers = 32;  // From here on an index is worth its making.

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xc0 | (code >> 6)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xe0 | (code >> 12)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    out->push_back(static_cast<char>(0xf0 | (code >> 18)));
    out->push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3f)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

// The bytes of the UTF-8 character at the start of `text`; 0 if there is none.
size_t CharacterSize(absl::string_view text) {
  const unsigned char first = static_cast<unsigned char>(text[0]);
  const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first >= 0x80 && first < 0xc2) return 0;
  return size <= text.size() && simdjson::validate_utf8(text.data(), size) ? size : 0;
}

// How many bytes at the start of `text` stand for themselves in a JSON string: all but quotes,
// backslashes and control characters, and bytes beyond ASCII if `kAscii`. Sixteen at a time.
template <bool kAscii>
size_t PlainSize(absl::string_view text) {
  // As signed numbers, bytes beyond ASCII are less than a space as well.
  using Byte = std::conditional_t<kAscii, signed char, unsigned char>;
  using Block [[gnu::vector_size(16)]] = Byte;
  size_t at = 0;
  for (; at + sizeof(Block) <= text.size(); at += sizeof(Block)) {
    Block bytes;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    const auto special = (bytes < 0x20) | (bytes == '"') | (bytes == '\\');
    uint64_t halves[2];
    std::memcpy(halves, &special, sizeof halves);
    if ((halves[0] | halves[1]) != 0) break;
  }
  for (; at < text.size(); ++at) {
    const Byte c = static_cast<Byte>(text[at]);
    if (c < 0x20 || c == '"' || c == '\\') break;
  }
  return at;
}

bool SameNumber(const std::string& a, const std::string& b) {
  if (a == b) return true;
  int64_t whole_a, whole_b;
  if (absl::SimpleAtoi(a, &whole_a) && absl::SimpleAtoi(b, &whole_b)) return whole_a == whole_b;
  double real_a, real_b;
  return absl::SimpleAtod(a, &real_a) && absl::SimpleAtod(b, &real_b) && real_a == real_b;
}

}  // namespace

// A descent of its own over the text: simdjson would give up the numbers' digits and the place of
// an error, which are what this tree is for.
class JsonReader {
 public:
  explicit JsonReader(absl::string_view text) : text_(text) {}

  absl::StatusOr<JsonValue> Read() {
    if (!simdjson::validate_utf8(text_.data(), text_.size())) {
      while (at_ < text_.size()) {
        const size_t size = CharacterSize(text_.substr(at_));
        if (size == 0) break;
        at_ += size;
      }
      return Fault("this byte is not UTF-8");
    }
    JsonValue value;
    SKIFF_RETURN_IF_ERROR(Value(1, &value));
    SkipBlanks();
    if (at_ < text_.size()) return Fault("expected the end after the value");
    return value;
  }

 private:
  absl::Status Fault(absl::string_view what) const {
    const absl::string_view before = text_.substr(0, at_);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t newline = before.rfind('\n');
    const size_t column = newline == absl::string_view::npos ? at_ + 1 : at_ - newline;
    return absl::InvalidArgumentError(
        absl::StrCat("malformed JSON at line ", line, ", column ", column, ": ", what));
  }

  void SkipBlanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  // Passes `c`, after blanks, if it comes next.
  bool Take(char c) {
    SkipBlanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  absl::Status Value(int depth, JsonValue* out) {
    if (depth > kMaxDepth) return Fault("nested deeper than 200 levels");
    if (Take('{')) return Members(depth, out);
    if (Take('[')) return Items(depth, out);
    if (Take('"')) {
      out->type_ = JsonValue::Type::kString;
      return String(&out->text_);
    }
    return Word(out);
  }

  absl::Status Members(int depth, JsonValue* out) {
    out->type_ = JsonValue::Type::kObject;
    if (Take('}')) return absl::OkStatus();
    absl::flat_hash_map<std::string, size_t> places;  // Once there are many.
    for (;;) {
      if (!Take('"')) return Fault("expected a member's name in quotes");
      std::string name;
      SKIFF_RETURN_IF_ERROR(String(&name));
      if (!Take(':')) return Fault("expected ':' after the name");
      JsonValue& member = MemberOf(out, &places, std::move(name));
      SKIFF_RETURN_IF_ERROR(Value(depth + 1, &member));
      if (Take('}')) return absl::OkStatus();
      if (!Take(',')) return Fault("expected ',' or '}'");
    }
  }

  // A fresh member; one of the same name before it is replaced.
  static JsonValue& MemberOf(JsonValue* object, absl::flat_hash_map<std::string, size_t>* places,
                             std::string name) {
    auto& entries = object->entries_;
    if (entries.size() < kManyMembers) {
      JsonValue& member = object->Member(name);
      member = JsonValue();
      return member;
    }
    if (places->empty()) {
      for (size_t i = 0; i < entries.size(); ++i) places->emplace(entries[i].first, i);
    }
    const auto [place, fresh] = places->emplace(name, entries.size());
    if (fresh) return entries.emplace_back(std::move(name), JsonValue()).second;
    return entries[place->second].second = JsonValue();
  }

  absl::Status Items(int depth, JsonValue* out) {
    out->type_ = JsonValue::Type::kArray;
    if (Take(']')) return absl::OkStatus();
    for (;;) {
      out->items_.emplace_back();
      SKIFF_RETURN_IF_ERROR(Value(depth + 1, &out->items_.back()));
      if (Take(']')) return absl::OkStatus();
      if (!Take(',')) return Fault("expected ',' or ']'");
    }
  }

  absl::Status String(std::string* out) {
    while (at_ < text_.size()) {
      const size_t plain = PlainSize</*kAscii=*/false>(text_.substr(at_));
      out->append(text_.data() + at_, plain);
      at_ += plain;
      if (at_ == text_.size()) break;
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return absl::OkStatus();
      }
      if (static_cast<unsigned char>(c) < 0x20) {
        return Fault("a control character in a string must be escaped");
      }
      SKIFF_RETURN_IF_ERROR(Escape(out));
    }
    return Fault("the string is not closed");
  }

  absl::Status Escape(std::string* out) {
    static constexpr absl::string_view kLetters = "\"\\/bfnrt";
    static constexpr absl::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char letter = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (const size_t i = kLetters.find(letter); i != absl::string_view::npos) {
      out->push_back(kMeanings[i]);
      at_ += 2;
      return absl::OkStatus();
    }
    uint32_t code;
    if (!CodeUnit(at_, &code)) return Fault("this is no escape sequence");
    at_ += 6;
    uint32_t low;
    if (code >= 0xd800 && code < 0xdc00 && CodeUnit(at_, &low) && low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      at_ += 6;
    }
    // Half of a surrogate pair is no character; Go reads it as U+FFFD as well.
    AppendUtf8(code >= 0xd800 && code < 0xe000 ? 0xfffd : code, out);
    return absl::OkStatus();
  }

  bool CodeUnit(size_t at, uint32_t* code) const {
    const absl::string_view sequence = text_.substr(std::min(at, text_.size()), 6);
    if (sequence.size() < 6 || sequence[0] != '\\' || sequence[1] != 'u') return false;
    const absl::string_view hex = sequence.substr(2);
    return std::all_of(hex.begin(), hex.end(), [](char c) { return absl::ascii_isxdigit(c); }) &&
           absl::SimpleHexAtoi(hex, code);
  }

  absl::Status Word(JsonValue* out) {
    SkipBlanks();
    const absl::string_view rest = text_.substr(at_);
    if (absl::StartsWith(rest, "null")) {
      at_ += 4;
    } else if (absl::StartsWith(rest, "true") || absl::StartsWith(rest, "false")) {
      out->type_ = JsonValue::Type::kBool;
      out->boolean_ = rest[0] == 't';
      at_ += out->boolean_ ? 4 : 5;
    } else {
      return Number(out);
    }
    return absl::OkStatus();
  }

  size_t Digits() {
    const size_t start = at_;
    while (at_ < text_.size() && absl::ascii_isdigit(text_[at_])) ++at_;
    return at_ - start;
  }

  bool At(absl::string_view any_of) const {
    return at_ < text_.size() && any_of.find(text_[at_]) != absl::string_view::npos;
  }

  absl::Status Number(JsonValue* out) {
    const size_t start = at_;
    if (At("-")) ++at_;
    const bool zero = At("0");
    const size_t whole = Digits();
    if (whole == 0) {
      return Fault(at_ >= text_.size() ? "it ends where a value should stand" : "expected a value");
    }
    if (zero && whole > 1) return Fault("a number may not start with 0");
    if (At(".")) {
      ++at_;
      if (Digits() == 0) return Fault("expected digits after the point");
    }
    if (At("eE")) {
      ++at_;
      if (At("+-")) ++at_;
      if (Digits() == 0) return Fault("expected digits in the exponent");
    }
    out->type_ = JsonValue::Type::kNumber;
    out->text_ = std::string(text_.substr(start, at_ - start));
    return absl::OkStatus();
  }

  absl::string_view text_;
  size_t at_ = 0;
};

JsonValue JsonValue::Bool(bool value) {
  JsonValue result;
  result.type_ = Type::kBool;
  result.boolean_ = value;
  return result;
}

JsonValue JsonValue::Number(int64_t value) {
  JsonValue result;
  result.type_ = Type::kNumber;
  result.text_ = absl::StrCat(value);
  return result;
}

JsonValue JsonValue::String(absl::string_view value) {
  JsonValue result;
  result.type_ = Type::kString;
  result.text_ = std::string(value);
  return result;
}

JsonValue JsonValue::Array() {
  JsonValue result;
  result.type_ = Type::kArray;
  return result;
}

JsonValue JsonValue::Object() {
  JsonValue result;
  result.type_ = Type::kObject;
  return result;
}

absl::StatusOr<JsonValue> JsonValue::Parse(absl::string_view text) {
  return JsonReader(text).Read();
}

const JsonValue* JsonValue::Find(absl::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.first == name) return &entry.second;
  }
  return nullptr;
}

JsonValue* JsonValue::Find(absl::string_view name) {
  return const_cast<JsonValue*>(std::as_const(*this).Find(name));
}

JsonValue& JsonValue::Member(absl::string_view name) {
  if (JsonValue* found = Find(name)) return *found;
  return entries_.emplace_back(std::string(name), JsonValue()).second;
}

bool JsonValue::Erase(absl::string_view name) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.first == name; });
  if (found == entries_.end()) return false;
  entries_.erase(found);
  return true;
}

std::string JsonValue::ToString() const {
  std::string text;
  AppendTo(&text);
  return text;
}

void JsonValue::AppendTo(std::string* out) const {
  absl::string_view separator = "";
  switch (type_) {
    case Type::kNull:
      out->append("null");
      return;
    case Type::kBool:
      out->append(boolean_ ? "true" : "false");
      return;
    case Type::kNumber:
      out->append(text_);
      return;
    case Type::kString:
      AppendJsonString(text_, out);
      return;
    case Type::kArray:
      out->push_back('[');
      for (const JsonValue& item : items_) {
        absl::StrAppend(out, separator);
        item.AppendTo(out);
        separator = ",";
      }
      out->push_back(']');
      return;
    case Type::kObject:
      out->push_back('{');
      for (const Entry& entry : entries_) {
        absl::StrAppend(out, separator);
        AppendJsonString(entry.first, out);
        out->push_back(':');
        entry.second.AppendTo(out);
        separator = ",";
      }
      out->push_back('}');
      return;
  }
}

bool operator==(const JsonValue& a, const JsonValue& b) {
  if (a.type_ != b.type_) return false;
  switch (a.type_) {
    case JsonValue::Type::kNull:
      return true;
    case JsonValue::Type::kBool:
      return a.boolean_ == b.boolean_;
    case JsonValue::Type::kNumber:
      return SameNumber(a.text_, b.text_);
    case JsonValue::Type::kString:
      return a.text_ == b.text_;
    case JsonValue::Type::kArray:
      return a.items_ == b.items_;
    case JsonValue::Type::kObject:
      break;
  }
  if (a.entries_.size() != b.entries_.size()) return false;
  if (a.entries_.size() >= kManyMembers) {
    absl::flat_hash_map<absl::string_view, const JsonValue*> members;
    for (const JsonValue::Entry& entry : b.entries_) members.emplace(entry.first, &entry.second);
    return std::all_of(a.entries_.begin(), a.entries_.end(), [&](const JsonValue::Entry& entry) {
      const auto other = members.find(entry.first);
      return other != members.end() && entry.second == *other->second;
    });
  }
  return std::all_of(a.entries_.begin(), a.entries_.end(), [&](const JsonValue::Entry& entry) {
    const JsonValue* other = b.Find(entry.first);
    return other != nullptr && entry.second == *other;
  });
}

namespace {

// `text` is beyond ASCII up to its end. What is not UTF-8 becomes U+FFFD, byte by byte.
void AppendBeyondAscii(absl::string_view text, std::string* out) {
  if (simdjson::validate_utf8(text.data(), text.size())) {
    out->append(text.data(), text.size());
    return;
  }
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    if (size > 0) {
      out->append(text.data(), size);
    } else {
      out->append("\xef\xbf\xbd");
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
}

}  // namespace

void AppendJsonString(absl::string_view text, std::string* out) {
  out->push_back('"');
  for (size_t i = 0; i < text.size();) {
    const size_t plain = PlainSize</*kAscii=*/true>(text.substr(i));
    out->append(text.data() + i, plain);
    i += plain;
    if (i == text.size()) break;
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      size_t end = i + 1;
      while (end < text.size() && static_cast<unsigned char>(text[end]) >= 0x80) ++end;
      AppendBeyondAscii(text.substr(i, end - i), out);
      i = end;
      continue;
    }
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(text[i]);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out->append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out->append(escape);
    }
    ++i;
  }
  out->push_back('"');
}

std::string JsonString(absl::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

}  // namespace skiff::api
