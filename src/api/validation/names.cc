#include "api/validation/names.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace skiff::api {
namespace {

using Sentences = std::vector<std::string>;

bool IsLowerAlnum(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

template <typename Allowed>
bool All(absl::string_view text, Allowed allowed) {
  return std::all_of(text.begin(), text.end(), allowed);
}

bool IsLabel(absl::string_view value) {
  return !value.empty() && IsLowerAlnum(value.front()) && IsLowerAlnum(value.back()) &&
         All(value, [](char c) { return IsLowerAlnum(c) || c == '-'; });
}

bool IsSubdomain(absl::string_view value) {
  for (absl::string_view label : absl::StrSplit(value, '.')) {
    if (!IsLabel(label)) return false;
  }
  return true;
}

// The name part of a label key, which is also what a label value may be.
bool IsKeyName(absl::string_view value) {
  return !value.empty() && absl::ascii_isalnum(value.front()) &&
         absl::ascii_isalnum(value.back()) && All(value, [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

std::string PatternSentence(absl::string_view rule, absl::string_view pattern,
                            std::initializer_list<absl::string_view> examples) {
  std::string text = absl::StrCat(rule, " (e.g. ");
  bool first = true;
  for (absl::string_view example : examples) {
    absl::StrAppend(&text, first ? "" : " or ", "'", example, "', ");
    first = false;
  }
  absl::StrAppend(&text, "regex used for validation is '", pattern, "')");
  return text;
}

std::string MaxCharacters(int length) {
  return absl::StrCat("must be no more than ", length, " characters");
}

std::string MaxBytes(int length) { return absl::StrCat("must be no more than ", length, " bytes"); }

#define SKIFF_LABEL_PATTERN "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define SKIFF_KEY_PATTERN "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
constexpr absl::string_view kKeyRule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character";

void AppendParentSteps(absl::string_view value, Sentences* errors) {
  if (value == ".") {
    errors->push_back("must not be '.'");
  } else if (value == "..") {
    errors->push_back("must not be '..'");
  } else if (absl::StartsWith(value, "..")) {
    errors->push_back("must not start with '..'");
  }
}

}  // namespace

Sentences CheckDns1123Label(absl::string_view value) {
  Sentences errors;
  if (value.size() > 63) errors.push_back(MaxCharacters(63));
  if (!IsLabel(value)) {
    errors.push_back(
        IsSubdomain(value)
            ? "must not contain dots"
            : PatternSentence("a lowercase RFC 1123 label must consist of lower case alphanumeric "
                              "characters or '-', and must start and end with an alphanumeric "
                              "character",
                              SKIFF_LABEL_PATTERN, {"my-name", "123-abc"}));
  }
  return errors;
}

Sentences CheckDns1123Subdomain(absl::string_view value) {
  Sentences errors;
  if (value.size() > 253) errors.push_back(MaxCharacters(253));
  if (!IsSubdomain(value)) {
    errors.push_back(PatternSentence(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character",
        SKIFF_LABEL_PATTERN "(\\." SKIFF_LABEL_PATTERN ")*", {"example.com"}));
  }
  return errors;
}

Sentences CheckWildcardDns1123Subdomain(absl::string_view value) {
  Sentences errors;
  if (value.size() > 253) errors.push_back(MaxCharacters(253));
  absl::string_view rest = value;
  if (!absl::ConsumePrefix(&rest, "*.") || !IsSubdomain(rest)) {
    errors.push_back(PatternSentence(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
        "which must consist of lower case alphanumeric characters, '-' or '.' and end with an "
        "alphanumeric character",
        "\\*\\." SKIFF_LABEL_PATTERN "(\\." SKIFF_LABEL_PATTERN ")*", {"*.example.com"}));
  }
  return errors;
}

Sentences CheckDns1035Label(absl::string_view value) {
  Sentences errors;
  if (value.size() > 63) errors.push_back(MaxCharacters(63));
  if (!IsLabel(value) || !absl::ascii_islower(value.front())) {
    errors.push_back(PatternSentence(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
        "alphabetic character, and end with an alphanumeric character",
        "[a-z]([-a-z0-9]*[a-z0-9])?", {"my-name", "abc-123"}));
  }
  return errors;
}

Sentences CheckQualifiedName(absl::string_view value) {
  Sentences errors;
  const std::vector<absl::string_view> parts = absl::StrSplit(value, '/');
  if (parts.size() > 2) {
    return {
        absl::StrCat("a valid label key ",
                     PatternSentence(kKeyRule, SKIFF_KEY_PATTERN, {"MyName", "my.name", "123-abc"}),
                     " with an optional DNS subdomain prefix and '/' (e.g. "
                     "'example.com/MyName')")};
  }
  if (parts.size() == 2) {
    if (parts[0].empty()) {
      errors.push_back("prefix part must be non-empty");
    } else {
      for (const std::string& error : CheckDns1123Subdomain(parts[0])) {
        errors.push_back(absl::StrCat("prefix part ", error));
      }
    }
  }
  const absl::string_view name = parts.back();
  if (name.empty()) {
    errors.push_back("name part must be non-empty");
  } else if (name.size() > 63) {
    errors.push_back(absl::StrCat("name part ", MaxBytes(63)));
  }
  if (!IsKeyName(name)) {
    errors.push_back(absl::StrCat("name part ", PatternSentence(kKeyRule, SKIFF_KEY_PATTERN,
                                                                {"MyName", "my.name", "123-abc"})));
  }
  return errors;
}

Sentences CheckLabelValue(absl::string_view value) {
  Sentences errors;
  if (value.size() > 63) errors.push_back(MaxBytes(63));
  if (!value.empty() && !IsKeyName(value)) {
    errors.push_back(PatternSentence(
        absl::StrCat("a valid label must be an empty string or ", kKeyRule.substr(5)),
        "(" SKIFF_KEY_PATTERN ")?", {"MyValue", "my_value", "12345"}));
  }
  return errors;
}

Sentences CheckPortName(absl::string_view value) {
  Sentences errors;
  if (value.size() > 15) errors.push_back(MaxCharacters(15));
  if (value.empty() || !All(value, [](char c) { return IsLowerAlnum(c) || c == '-'; })) {
    errors.push_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!std::any_of(value.begin(), value.end(), [](char c) { return absl::ascii_islower(c); })) {
    errors.push_back("must contain at least one letter (a-z)");
  }
  if (absl::StrContains(value, "--")) errors.push_back("must not contain consecutive hyphens");
  if (!value.empty() && (value.front() == '-' || value.back() == '-')) {
    errors.push_back("must not begin or end with a hyphen");
  }
  return errors;
}

Sentences CheckPortNumber(int64_t value) {
  if (value >= 1 && value <= 65535) return {};
  return {"must be between 1 and 65535, inclusive"};
}

Sentences CheckEnvVarName(absl::string_view value) {
  if (value.empty()) return {"environment variable name must be non-empty"};
  if (!All(value, [](char c) { return c >= ' ' && c < 0x7f && c != '='; })) {
    return {
        "a valid environment variable name must consist only of printable ASCII characters "
        "other than '='"};
  }
  return {};
}

Sentences CheckConfigMapKey(absl::string_view value) {
  Sentences errors;
  if (value.size() > 253) errors.push_back(MaxCharacters(253));
  if (value.empty() || !All(value, [](char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
      })) {
    errors.push_back(PatternSentence(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        "[-._a-zA-Z0-9]+", {"key.name", "KEY_NAME", "key-name"}));
  }
  AppendParentSteps(value, &errors);
  return errors;
}

Sentences CheckHttpHeaderName(absl::string_view value) {
  if (!value.empty() && All(value, [](char c) { return absl::ascii_isalnum(c) || c == '-'; })) {
    return {};
  }
  return {PatternSentence("a valid HTTP header must consist of alphanumeric characters or '-'",
                          "[-A-Za-z0-9]+", {"X-Header-Name"})};
}

Sentences CheckPercent(absl::string_view value) {
  if (value.size() > 1 && value.back() == '%' &&
      All(value.substr(0, value.size() - 1), [](char c) { return absl::ascii_isdigit(c); })) {
    return {};
  }
  return {
      PatternSentence("a valid percent string must be a numeric string followed by an ending '%'",
                      "[0-9]+%", {"1%", "93%"})};
}

Sentences CheckCIdentifier(absl::string_view value) {
  if (!value.empty() && !absl::ascii_isdigit(value.front()) &&
      All(value, [](char c) { return absl::ascii_isalnum(c) || c == '_'; })) {
    return {};
  }
  return {PatternSentence(
      "a valid C identifier must start with alphabetic character or '_', followed by a string of "
      "alphanumeric characters or '_'",
      "[A-Za-z_][A-Za-z0-9_]*", {"my_name", "MY_NAME", "MyName"})};
}

Sentences CheckPathSegment(absl::string_view value) {
  if (value == "." || value == "..") return {absl::StrCat("may not be '", value, "'")};
  Sentences errors;
  for (absl::string_view bad : {"/", "%"}) {
    if (absl::StrContains(value, bad)) {
      errors.push_back(absl::StrCat("may not contain '", bad, "'"));
    }
  }
  return errors;
}

}  // namespace skiff::api
