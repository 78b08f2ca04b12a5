#include "apiserver/http/field_owner.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/json_value.h"

namespace skiff::apiserver::http {
namespace {

constexpr size_t kMaxBytes = 128;

// One character of UTF-8 (RFC 3629), taken off `text`; of what is none, a byte as U+FFFD.
struct Character {
  uint32_t code = 0xfffd;
  absl::string_view bytes = "\xef\xbf\xbd";
};

Character Take(absl::string_view* text) {
  const auto first = static_cast<unsigned char>((*text)[0]);
  const size_t size = first < 0x80                     ? 1
                      : first >= 0xc2 && first <= 0xdf ? 2
                      : first >= 0xe0 && first <= 0xef ? 3
                      : first >= 0xf0 && first <= 0xf4 ? 4
                                                       : 0;
  uint32_t code = size < 2 ? first : first & (0x7f >> size);
  bool good = size > 0 && size <= text->size();
  for (size_t i = 1; good && i < size; ++i) {
    const auto next = static_cast<unsigned char>((*text)[i]);
    good = (next & 0xc0) == 0x80;
    code = code << 6 | (next & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  good = good && code >= kLeast[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  Character out;
  if (good) out = {code, text->substr(0, size)};
  text->remove_prefix(good ? size : 1);
  return out;
}

// What Unicode calls controls, formats, separators other than the space, and private use.
bool IsPrintable(uint32_t code) {
  struct Range {
    uint32_t first, last;
  };
  constexpr Range kUnprintable[] = {
      {0, 0x1f},          {0x7f, 0xa0},        {0xad, 0xad},       {0x600, 0x605},
      {0x61c, 0x61c},     {0x6dd, 0x6dd},      {0x70f, 0x70f},     {0x890, 0x891},
      {0x8e2, 0x8e2},     {0x1680, 0x1680},    {0x180e, 0x180e},   {0x2000, 0x200f},
      {0x2028, 0x202f},   {0x205f, 0x206f},    {0x3000, 0x3000},   {0xe000, 0xf8ff},
      {0xfeff, 0xfeff},   {0xfff0, 0xfffb},    {0xfffe, 0xffff},   {0x110bd, 0x110bd},
      {0x110cd, 0x110cd}, {0x13430, 0x1343f},  {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
      {0xe0000, 0xe007f}, {0xf0000, 0x10ffff},
  };
  return std::none_of(std::begin(kUnprintable), std::end(kUnprintable), [code](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

}  // namespace

void CheckFieldManager(absl::string_view name, std::vector<api::FieldError>* errors) {
  using Kind = api::FieldError::Kind;
  if (name.size() > kMaxBytes) {
    errors->push_back({Kind::kTooLong, "fieldManager", "",
                       absl::StrCat("may not be more than ", kMaxBytes, " bytes")});
  }
  for (absl::string_view rest = name; !rest.empty();) {
    const size_t at = name.size() - rest.size();
    const uint32_t code = Take(&rest).code;
    if (IsPrintable(code)) continue;
    errors->push_back({Kind::kInvalid, "fieldManager", api::JsonString(name),
                       absl::StrFormat("invalid character U+%04X (at position %d)", code, at)});
  }
}

std::string FieldManagerOfAgent(absl::string_view user_agent) {
  std::string out;
  for (absl::string_view rest = user_agent.substr(0, user_agent.find('/')); !rest.empty();) {
    const Character next = Take(&rest);
    if (!IsPrintable(next.code)) continue;
    if (out.size() + next.bytes.size() > kMaxBytes) break;
    absl::StrAppend(&out, next.bytes);
  }
  return out;
}

}  // namespace skiff::apiserver::http
