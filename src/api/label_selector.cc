#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/selector.h"
#include "api/validation/names.h"
#include "base/status.h"

namespace skiff::api {
namespace {

using Operator = LabelSelector::Operator;
using Requirement = LabelSelector::Requirement;

enum class Token {
  kEnd,
  kWord,
  kComma,
  kOpen,
  kClose,
  kNot,
  kEqual,
  kNotEqual,
  kGreater,
  kLess,
  kIn,
  kNotIn
};

struct Lexeme {
  Token token;
  absl::string_view text;
};

constexpr absl::string_view kSpecial = "=!(),<>";

class Lexer {
 public:
  explicit Lexer(absl::string_view text) : text_(text) {}

  // `in` and `notin` are operators where one may stand, and plain words as keys and values.
  Lexeme Next(bool operators) {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
    if (at_ >= text_.size()) return {Token::kEnd, ""};
    const size_t start = at_;
    if (kSpecial.find(text_[at_]) != absl::string_view::npos) return Symbol();
    while (at_ < text_.size() && !absl::ascii_isspace(text_[at_]) &&
           kSpecial.find(text_[at_]) == absl::string_view::npos) {
      ++at_;
    }
    const absl::string_view word = text_.substr(start, at_ - start);
    if (operators && word == "in") return {Token::kIn, word};
    if (operators && word == "notin") return {Token::kNotIn, word};
    return {Token::kWord, word};
  }

  Lexeme Peek(bool operators) {
    const size_t at = at_;
    const Lexeme lexeme = Next(operators);
    at_ = at;
    return lexeme;
  }

 private:
  Lexeme Symbol() {
    const absl::string_view rest = text_.substr(at_);
    if (rest.substr(0, 2) == "==") return Take(Token::kEqual, 2);
    if (rest.substr(0, 2) == "!=") return Take(Token::kNotEqual, 2);
    switch (rest[0]) {
      case '=':
        return Take(Token::kEqual, 1);
      case '!':
        return Take(Token::kNot, 1);
      case '(':
        return Take(Token::kOpen, 1);
      case ')':
        return Take(Token::kClose, 1);
      case ',':
        return Take(Token::kComma, 1);
      case '>':
        return Take(Token::kGreater, 1);
      default:
        return Take(Token::kLess, 1);
    }
  }

  Lexeme Take(Token token, size_t size) {
    at_ += size;
    return {token, text_.substr(at_ - size, size)};
  }

  absl::string_view text_;
  size_t at_ = 0;
};

absl::Status Found(absl::string_view text, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("found '", text, "', expected: ", expected));
}

absl::Status BadKey(absl::string_view key, absl::string_view path) {
  const std::vector<std::string> errors = CheckQualifiedName(key);
  if (errors.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": Invalid value: \"", key, "\": ", absl::StrJoin(errors, "; ")));
}

absl::StatusOr<Requirement> MakeRequirement(absl::string_view key, Operator op,
                                            std::vector<std::string> values) {
  SKIFF_RETURN_IF_ERROR(BadKey(key, "key"));
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  for (size_t i = 0; i < values.size(); ++i) {
    const std::vector<std::string> errors = CheckLabelValue(values[i]);
    if (!errors.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("values[", i, "][", key,
                                                     "]: Invalid value: \"", values[i],
                                                     "\": ", absl::StrJoin(errors, "; ")));
    }
  }
  int64_t bound = 0;
  if ((op == Operator::kGreater || op == Operator::kLess) && !absl::SimpleAtoi(values[0], &bound)) {
    return absl::InvalidArgumentError(
        absl::StrCat("values[0]: Invalid value: \"", values[0],
                     "\": for 'Gt', 'Lt' operators, the value must be an integer"));
  }
  return Requirement{std::string(key), op, std::move(values), bound};
}

class Parser {
 public:
  explicit Parser(absl::string_view text) : lexer_(text) {}

  absl::StatusOr<std::vector<Requirement>> Run() {
    std::vector<Requirement> requirements;
    Lexeme first = lexer_.Peek(false);
    while (first.token != Token::kEnd) {
      if (first.token != Token::kWord && first.token != Token::kNot) {
        return Found(first.text, "!, identifier, or 'end of string'");
      }
      absl::StatusOr<Requirement> requirement = One();
      if (!requirement.ok()) return Annotate(requirement.status(), "unable to parse requirement");
      requirements.push_back(*std::move(requirement));
      const Lexeme separator = lexer_.Next(false);
      if (separator.token == Token::kEnd) break;
      if (separator.token != Token::kComma) {
        return Found(separator.text, "',' or 'end of string'");
      }
      first = lexer_.Peek(false);
      if (first.token != Token::kWord && first.token != Token::kNot) {
        return Found(first.text, "identifier after ','");
      }
    }
    return requirements;
  }

 private:
  absl::StatusOr<Requirement> One() {
    Lexeme key = lexer_.Next(false);
    const bool negated = key.token == Token::kNot;
    if (negated) key = lexer_.Next(false);
    if (key.token != Token::kWord) return Found(key.text, "identifier");
    SKIFF_RETURN_IF_ERROR(BadKey(key.text, "key"));
    const Token next = lexer_.Peek(false).token;
    if (negated) return MakeRequirement(key.text, Operator::kNotExists, {});
    if (next == Token::kEnd || next == Token::kComma) {
      return MakeRequirement(key.text, Operator::kExists, {});
    }
    const Lexeme op = lexer_.Next(true);
    switch (op.token) {
      case Token::kEqual:
        return Single(key.text, Operator::kIn);
      case Token::kNotEqual:
        return Single(key.text, Operator::kNotIn);
      case Token::kGreater:
        return Single(key.text, Operator::kGreater);
      case Token::kLess:
        return Single(key.text, Operator::kLess);
      case Token::kIn:
        return Listed(key.text, Operator::kIn);
      case Token::kNotIn:
        return Listed(key.text, Operator::kNotIn);
      default:
        return Found(op.text, "in, notin, =, ==, !=, gt, lt");
    }
  }

  // One value, which may be empty: `a=`.
  absl::StatusOr<Requirement> Single(absl::string_view key, Operator op) {
    const Lexeme peeked = lexer_.Peek(false);
    if (peeked.token == Token::kEnd || peeked.token == Token::kComma) {
      return MakeRequirement(key, op, {""});
    }
    const Lexeme value = lexer_.Next(false);
    if (value.token != Token::kWord) return Found(value.text, "identifier");
    return MakeRequirement(key, op, {std::string(value.text)});
  }

  // `(a,b,)`: an empty place is an empty value.
  absl::StatusOr<Requirement> Listed(absl::string_view key, Operator op) {
    const Lexeme open = lexer_.Next(false);
    if (open.token != Token::kOpen) {
      return absl::InvalidArgumentError(absl::StrCat("found '", open.text, "' expected: '('"));
    }
    std::vector<std::string> values;
    bool value_may_follow = true;
    for (;;) {
      const Lexeme lexeme = lexer_.Next(false);
      if (lexeme.token == Token::kWord && value_may_follow) {
        values.emplace_back(lexeme.text);
        value_may_follow = false;
      } else if (lexeme.token == Token::kComma || lexeme.token == Token::kClose) {
        if (value_may_follow) values.emplace_back();
        value_may_follow = true;
        if (lexeme.token == Token::kClose) return MakeRequirement(key, op, std::move(values));
      } else {
        return Found(lexeme.text, value_may_follow ? "',', ')' or identifier" : "',' or ')'");
      }
    }
  }

  Lexer lexer_;
};

bool Has(const Requirement& requirement, const std::string& value) {
  return std::binary_search(requirement.values.begin(), requirement.values.end(), value);
}

bool Holds(const Requirement& requirement, const LabelSelector::Labels& labels) {
  const auto found = labels.find(requirement.key);
  const bool present = found != labels.end();
  switch (requirement.op) {
    case Operator::kIn:
      return present && Has(requirement, found->second);
    case Operator::kNotIn:
      return !present || !Has(requirement, found->second);
    case Operator::kExists:
      return present;
    case Operator::kNotExists:
      return !present;
    case Operator::kGreater:
    case Operator::kLess: {
      int64_t value = 0;
      if (!present || !absl::SimpleAtoi(found->second, &value)) return false;
      return requirement.op == Operator::kGreater ? value > requirement.bound
                                                  : value < requirement.bound;
    }
  }
  return false;
}

std::string RequirementText(const Requirement& requirement) {
  const std::string values = absl::StrJoin(requirement.values, ",");
  const bool single = requirement.values.size() == 1;
  switch (requirement.op) {
    case Operator::kIn:
      return single ? absl::StrCat(requirement.key, "=", values)
                    : absl::StrCat(requirement.key, " in (", values, ")");
    case Operator::kNotIn:
      return single ? absl::StrCat(requirement.key, "!=", values)
                    : absl::StrCat(requirement.key, " notin (", values, ")");
    case Operator::kExists:
      return requirement.key;
    case Operator::kNotExists:
      return absl::StrCat("!", requirement.key);
    case Operator::kGreater:
      return absl::StrCat(requirement.key, ">", values);
    case Operator::kLess:
      return absl::StrCat(requirement.key, "<", values);
  }
  return "";
}

void SortByKey(std::vector<Requirement>* requirements) {
  std::stable_sort(requirements->begin(), requirements->end(),
                   [](const Requirement& a, const Requirement& b) { return a.key < b.key; });
}

absl::StatusOr<Operator> OperatorOf(const metav1::LabelSelectorRequirement& expression) {
  const std::string& name = expression.operator_();
  if (name == "In" || name == "NotIn") {
    if (expression.values().empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"));
    }
    return name == "In" ? Operator::kIn : Operator::kNotIn;
  }
  if (name == "Exists" || name == "DoesNotExist") {
    if (!expression.values().empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("values: Invalid value: [\"", absl::StrJoin(expression.values(), "\",\""),
                       "\"]: values set must be empty for exists and does not exist"));
    }
    return name == "Exists" ? Operator::kExists : Operator::kNotExists;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is not a valid label selector operator"));
}

}  // namespace

LabelSelector LabelSelector::Nothing() {
  LabelSelector selector;
  selector.nothing_ = true;
  return selector;
}

absl::StatusOr<LabelSelector> LabelSelector::Parse(absl::string_view text) {
  LabelSelector selector;
  SKIFF_ASSIGN_OR_RETURN(selector.requirements_, Parser(text).Run());
  SortByKey(&selector.requirements_);
  return selector;
}

absl::StatusOr<LabelSelector> LabelSelector::FromProto(const metav1::LabelSelector& proto) {
  LabelSelector selector;
  for (const auto& [key, value] : proto.match_labels()) {
    SKIFF_ASSIGN_OR_RETURN(Requirement requirement, MakeRequirement(key, Operator::kIn, {value}));
    selector.requirements_.push_back(std::move(requirement));
  }
  for (const metav1::LabelSelectorRequirement& expression : proto.match_expressions()) {
    SKIFF_ASSIGN_OR_RETURN(const Operator op, OperatorOf(expression));
    SKIFF_ASSIGN_OR_RETURN(Requirement requirement, MakeRequirement(expression.key(), op,
                                                                    {expression.values().begin(),
                                                                     expression.values().end()}));
    selector.requirements_.push_back(std::move(requirement));
  }
  SortByKey(&selector.requirements_);
  return selector;
}

LabelSelector LabelSelector::FromMap(const Labels& labels) {
  LabelSelector selector;
  for (const auto& [key, value] : labels) {
    selector.requirements_.push_back({key, Operator::kIn, {value}});
  }
  SortByKey(&selector.requirements_);
  return selector;
}

bool LabelSelector::Matches(const Labels& labels) const {
  return !nothing_ && std::all_of(requirements_.begin(), requirements_.end(),
                                  [&](const Requirement& r) { return Holds(r, labels); });
}

std::string LabelSelector::ToString() const {
  return absl::StrJoin(requirements_, ",", [](std::string* out, const Requirement& requirement) {
    absl::StrAppend(out, RequirementText(requirement));
  });
}

}  // namespace skiff::api
