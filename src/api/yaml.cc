// YAML to JSON texts and back, with scalars resolved as sigs.k8s.io/yaml resolves them.
#include <yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "api/codec.h"
#include "api/json_value.h"
#include "base/status.h"

namespace skiff::api {
namespace {

constexpr size_t kMaxJsonBytes = 10 << 20;
constexpr int kMaxDepth = 200;
constexpr int kMaxAnchors = 1000;

struct Parser {
  Parser() { SKIFF_CHECK(yaml_parser_initialize(&parser) == 1); }
  ~Parser() { yaml_parser_delete(&parser); }
  yaml_parser_t parser;
};

struct Document {
  ~Document() { yaml_document_delete(&document); }
  yaml_document_t document;
};

absl::string_view Text(const yaml_node_t& node) {
  return {reinterpret_cast<const char*>(node.data.scalar.value), node.data.scalar.length};
}

bool OneOf(absl::string_view text, std::initializer_list<absl::string_view> words) {
  for (const absl::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

bool IsNull(absl::string_view text) { return OneOf(text, {"", "~", "null", "Null", "NULL"}); }
bool IsTrue(absl::string_view text) {
  return OneOf(text, {"true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"});
}
bool IsFalse(absl::string_view text) {
  return OneOf(text, {"false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"});
}

size_t SkipDigits(absl::string_view text, size_t at) {
  while (at < text.size() && absl::ascii_isdigit(text[at])) ++at;
  return at;
}

// [-+]? ( .digits | digits [. digits?] ) ( [eE] [-+]? digits )?, as YAML 1.1's core has it.
bool IsFloat(absl::string_view text) {
  size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const size_t whole = SkipDigits(text, at);
  size_t end = whole;
  if (end < text.size() && text[end] == '.') {
    end = SkipDigits(text, end + 1);
    if (whole == at && end == whole + 1) return false;
  } else if (whole == at) {
    return false;
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    at = end + 1;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    end = SkipDigits(text, at);
    if (end == at) return false;
  }
  return end == text.size();
}

// The JSON number that a plain scalar means, or nothing: decimal, 0x, 0o, 0b and the old 0-octal.
std::optional<std::string> Number(absl::string_view written) {
  if (written.empty() ||
      (!absl::ascii_isdigit(written[0]) && !OneOf(written.substr(0, 1), {"-", "+", "."}))) {
    return std::nullopt;
  }
  const std::string plain = absl::StrReplaceAll(written, {{"_", ""}});
  absl::string_view digits = plain;
  const bool negative = absl::ConsumePrefix(&digits, "-");
  if (!negative) absl::ConsumePrefix(&digits, "+");
  int base = 10;
  if (absl::ConsumePrefix(&digits, "0x")) {
    base = 16;
  } else if (absl::ConsumePrefix(&digits, "0b")) {
    base = 2;
  } else if (absl::ConsumePrefix(&digits, "0o")) {
    base = 8;
  } else if (digits.size() > 1 && digits[0] == '0' &&
             digits.find_first_not_of("01234567") == absl::string_view::npos) {
    base = 8;
  }
  uint64_t magnitude = 0;
  const std::string text(digits);
  char* end = nullptr;
  errno = 0;
  if (!text.empty() && absl::ascii_isalnum(text[0]))
    magnitude = std::strtoull(text.c_str(), &end, base);
  if (end != nullptr && *end == '\0' && errno == 0) {
    return absl::StrCat(negative && magnitude != 0 ? "-" : "", magnitude);
  }
  double number = 0;
  if (!IsFloat(plain) || !absl::SimpleAtod(plain, &number) || !std::isfinite(number)) {
    return std::nullopt;
  }
  // The shortest text that means this number: 0.1 is to stay 0.1, as a quantity above all.
  char shortest[64];
  const std::to_chars_result written_to =
      std::to_chars(std::begin(shortest), std::end(shortest), number);
  return std::string(shortest, written_to.ptr);
}

class Converter {
 public:
  explicit Converter(yaml_document_t* document) : document_(*document) {}

  absl::StatusOr<std::string> Convert() {
    SKIFF_RETURN_IF_ERROR(Node(*yaml_document_get_root_node(&document_), 1));
    return std::move(out_);
  }

 private:
  static absl::Status Fault(const yaml_node_t& node, absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("malformed YAML at line ",
                                                   node.start_mark.line + 1, ", column ",
                                                   node.start_mark.column + 1, ": ", what));
  }

  absl::Status Node(const yaml_node_t& node, int depth) {
    if (depth > kMaxDepth) return Fault(node, "nested deeper than 200 levels");
    if (out_.size() > kMaxJsonBytes) return Fault(node, "its aliases expand to more than 10 MB");
    switch (node.type) {
      case YAML_SCALAR_NODE:
        return Scalar(node);
      case YAML_SEQUENCE_NODE: {
        absl::string_view separator = "[";
        for (const auto* item = node.data.sequence.items.start; item < node.data.sequence.items.top;
             ++item) {
          absl::StrAppend(&out_, separator);
          SKIFF_RETURN_IF_ERROR(Node(*yaml_document_get_node(&document_, *item), depth + 1));
          separator = ",";
        }
        absl::StrAppend(&out_, separator == "[" ? "[]" : "]");
        return absl::OkStatus();
      }
      case YAML_MAPPING_NODE:
        return Mapping(node, depth);
      default:
        return Fault(node, "an empty node");
    }
  }

  absl::Status Mapping(const yaml_node_t& node, int depth) {
    std::vector<std::pair<const yaml_node_t*, const yaml_node_t*>> entries;
    SKIFF_RETURN_IF_ERROR(Collect(node, depth, &entries));
    absl::string_view separator = "{";
    for (const auto& [key, value] : entries) {
      absl::StrAppend(&out_, separator);
      AppendJsonString(Text(*key), &out_);
      out_.push_back(':');
      SKIFF_RETURN_IF_ERROR(Node(*value, depth + 1));
      separator = ",";
    }
    absl::StrAppend(&out_, separator == "{" ? "{}" : "}");
    return absl::OkStatus();
  }

  // The members of a mapping, with those that `<<` merges where the mapping has none of the name.
  absl::Status Collect(const yaml_node_t& node, int depth,
                       std::vector<std::pair<const yaml_node_t*, const yaml_node_t*>>* out) {
    if (depth > kMaxDepth) return Fault(node, "nested deeper than 200 levels");
    std::vector<const yaml_node_t*> merged;
    for (const auto* pair = node.data.mapping.pairs.start; pair < node.data.mapping.pairs.top;
         ++pair) {
      const yaml_node_t* key = yaml_document_get_node(&document_, pair->key);
      const yaml_node_t* value = yaml_document_get_node(&document_, pair->value);
      if (key->type != YAML_SCALAR_NODE) return Fault(*key, "a key must be a scalar");
      if (Text(*key) == "<<" && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        merged.push_back(value);
      } else {
        out->emplace_back(key, value);
      }
    }
    for (const yaml_node_t* source : merged) {
      if (source->type != YAML_MAPPING_NODE) return Fault(*source, "`<<` must merge a mapping");
      std::vector<std::pair<const yaml_node_t*, const yaml_node_t*>> more;
      SKIFF_RETURN_IF_ERROR(Collect(*source, depth + 1, &more));
      absl::flat_hash_set<absl::string_view> present;
      for (const auto& own : *out) present.insert(Text(*own.first));
      for (const auto& entry : more) {
        if (present.insert(Text(*entry.first)).second) out->push_back(entry);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Scalar(const yaml_node_t& node) {
    const absl::string_view text = Text(node);
    const absl::string_view tag(reinterpret_cast<const char*>(node.tag));
    const bool plain = node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    // libyaml tags every untagged scalar as a string; only plain ones may mean something else.
    if (!plain || (tag != YAML_STR_TAG && !absl::StartsWith(tag, "tag:yaml.org,2002:"))) {
      AppendJsonString(text, &out_);
    } else if (IsNull(text)) {
      out_.append("null");
    } else if (IsTrue(text) || IsFalse(text)) {
      out_.append(IsTrue(text) ? "true" : "false");
    } else if (const auto number = Number(text)) {
      out_.append(*number);
    } else if (OneOf(text, {".inf", "-.inf", ".nan", ".NaN", ".Inf", "-.Inf"})) {
      return Fault(node, absl::StrCat(text, " has no form in JSON"));
    } else {
      AppendJsonString(text, &out_);
    }
    return absl::OkStatus();
  }

  yaml_document_t& document_;
  std::string out_;
};

// Aliases may make a graph with cycles, which libyaml's loader allows: Converter's depth bound ends
// them.
absl::Status ParserFault(const yaml_parser_t& parser) {
  return absl::InvalidArgumentError(absl::StrCat(
      "malformed YAML at line ", parser.problem_mark.line + 1, ", column ",
      parser.problem_mark.column + 1, ": ", parser.problem ? parser.problem : "unreadable",
      parser.context ? absl::StrCat(" (", parser.context, ")") : ""));
}

struct Emitter {
  Emitter() { SKIFF_CHECK(yaml_emitter_initialize(&emitter) == 1); }
  ~Emitter() { yaml_emitter_delete(&emitter); }
  void Emit(yaml_event_t event) { ok = yaml_emitter_emit(&emitter, &event) == 1 && ok; }
  yaml_emitter_t emitter;
  bool ok = true;
};

bool NeedsQuotes(const std::string& text) {
  return IsNull(text) || IsTrue(text) || IsFalse(text) || Number(text).has_value() ||
         OneOf(text, {"<<", "=", ".inf", "-.inf", ".nan"});
}

void EmitScalar(absl::string_view text, yaml_scalar_style_t style, Emitter* out) {
  yaml_event_t event;
  yaml_scalar_event_initialize(&event, nullptr, nullptr,
                               reinterpret_cast<yaml_char_t*>(const_cast<char*>(text.data())),
                               static_cast<int>(text.size()), 1, 1, style);
  out->Emit(event);
}

void EmitValue(const JsonValue& value, Emitter* out) {
  yaml_event_t event;
  switch (value.type()) {
    case JsonValue::Type::kNull:
      return EmitScalar("null", YAML_PLAIN_SCALAR_STYLE, out);
    case JsonValue::Type::kBool:
      return EmitScalar(value.boolean() ? "true" : "false", YAML_PLAIN_SCALAR_STYLE, out);
    case JsonValue::Type::kNumber:
      return EmitScalar(value.text(), YAML_PLAIN_SCALAR_STYLE, out);
    case JsonValue::Type::kString: {
      const std::string& text = value.text();
      return EmitScalar(text,
                        NeedsQuotes(text)               ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                        : absl::StrContains(text, '\n') ? YAML_LITERAL_SCALAR_STYLE
                                                        : YAML_PLAIN_SCALAR_STYLE,
                        out);
    }
    case JsonValue::Type::kArray:
      yaml_sequence_start_event_initialize(
          &event, nullptr, nullptr, 1,
          value.items().empty() ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
      out->Emit(event);
      for (const JsonValue& item : value.items()) EmitValue(item, out);
      yaml_sequence_end_event_initialize(&event);
      return out->Emit(event);
    case JsonValue::Type::kObject:
      yaml_mapping_start_event_initialize(
          &event, nullptr, nullptr, 1,
          value.entries().empty() ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
      out->Emit(event);
      for (const auto& [name, member] : value.entries()) {
        EmitScalar(name,
                   NeedsQuotes(name) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE,
                   out);
        EmitValue(member, out);
      }
      yaml_mapping_end_event_initialize(&event);
      return out->Emit(event);
  }
}

bool HasAnchor(const yaml_event_t& event) {
  switch (event.type) {
    case YAML_SCALAR_EVENT:
      return event.data.scalar.anchor != nullptr;
    case YAML_SEQUENCE_START_EVENT:
      return event.data.sequence_start.anchor != nullptr;
    case YAML_MAPPING_START_EVENT:
      return event.data.mapping_start.anchor != nullptr;
    default:
      return false;
  }
}

// libyaml needs time by the square of the depth of [ and {, and of the number of anchors, so a text
// that might have too many is first read event by event, and given up where it has.
absl::Status CheckSize(absl::string_view yaml) {
  const auto opens = [](char c) { return c == '[' || c == '{'; };
  if (std::count_if(yaml.begin(), yaml.end(), opens) <= kMaxDepth &&
      std::count(yaml.begin(), yaml.end(), '&') <= kMaxAnchors) {
    return absl::OkStatus();
  }
  Parser reader;
  yaml_parser_set_input_string(&reader.parser, reinterpret_cast<const unsigned char*>(yaml.data()),
                               yaml.size());
  int depth = 0;
  int anchors = 0;
  const auto fault = [](const yaml_mark_t& at, absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("malformed YAML at line ", at.line + 1,
                                                   ", column ", at.column + 1, ": ", what));
  };
  while (true) {
    yaml_event_t event;
    if (yaml_parser_parse(&reader.parser, &event) != 1) return ParserFault(reader.parser);
    const yaml_event_type_t type = event.type;
    const yaml_mark_t at = event.start_mark;
    anchors += HasAnchor(event) ? 1 : 0;
    yaml_event_delete(&event);
    if (type == YAML_STREAM_END_EVENT) return absl::OkStatus();
    if (type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT) ++depth;
    if (type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT) --depth;
    if (depth > kMaxDepth) return fault(at, "nested deeper than 200 levels");
    if (anchors > kMaxAnchors) return fault(at, "more than 1000 anchors");
  }
}

absl::StatusOr<std::vector<std::string>> ReadYaml(absl::string_view yaml) {
  SKIFF_RETURN_IF_ERROR(CheckSize(yaml));
  Parser reader;
  yaml_parser_set_input_string(&reader.parser, reinterpret_cast<const unsigned char*>(yaml.data()),
                               yaml.size());
  std::vector<std::string> out;
  while (true) {
    Document document;
    if (yaml_parser_load(&reader.parser, &document.document) != 1) {
      document.document = yaml_document_t{};
      return ParserFault(reader.parser);
    }
    const yaml_node_t* root = yaml_document_get_root_node(&document.document);
    if (root == nullptr) return out;
    absl::StatusOr<std::string> json = Converter(&document.document).Convert();
    SKIFF_RETURN_IF_ERROR(json.status());
    if (*json != "null") out.push_back(*std::move(json));
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> YamlToJson(absl::string_view yaml) {
  // JSON is nearly YAML, but not quite (tabs, escapes): it is taken as what it is.
  const size_t first = yaml.find_first_not_of(" \t\r\n");
  if (first == absl::string_view::npos || (yaml[first] != '{' && yaml[first] != '[')) {
    return ReadYaml(yaml);
  }
  const auto json = JsonValue::Parse(yaml);
  if (json.ok()) return std::vector<std::string>{std::string(yaml)};
  auto documents = ReadYaml(yaml);
  // What is neither was most likely meant as JSON if it has JSON's quotes.
  if (!documents.ok() && absl::StrContains(yaml, '"')) return json.status();
  return documents;
}

absl::StatusOr<std::string> JsonToYaml(absl::string_view json) {
  SKIFF_ASSIGN_OR_RETURN(const JsonValue value, JsonValue::Parse(json));
  Emitter out;
  std::string text;
  yaml_emitter_set_output(
      &out.emitter,
      [](void* data, unsigned char* bytes, size_t size) {
        static_cast<std::string*>(data)->append(reinterpret_cast<char*>(bytes), size);
        return 1;
      },
      &text);
  yaml_emitter_set_unicode(&out.emitter, 1);
  yaml_emitter_set_width(&out.emitter, -1);
  yaml_event_t event;
  yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
  out.Emit(event);
  yaml_document_start_event_initialize(&event, nullptr, nullptr, nullptr, 1);
  out.Emit(event);
  EmitValue(value, &out);
  yaml_document_end_event_initialize(&event, 1);
  out.Emit(event);
  yaml_stream_end_event_initialize(&event);
  out.Emit(event);
  if (!out.ok) return absl::InternalError("the YAML could not be written");
  return text;
}

}  // namespace skiff::api
