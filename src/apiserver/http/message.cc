#include "apiserver/http/message.h"

namespace skiff::apiserver::http {

absl::string_view Request::Query(absl::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return "";
}

bool Request::HasQuery(absl::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return true;
  }
  return false;
}

absl::string_view Request::Header(absl::string_view lower_case_name) const {
  const auto it = headers.find(lower_case_name);
  return it == headers.end() ? absl::string_view() : it->second;
}

size_t Response::body_bytes() const {
  size_t out = 0;
  for (const auto& piece : body) out += piece->size();
  return out;
}

Response Response::Text(int status, std::string text, std::string content_type) {
  Response out;
  out.status = status;
  out.headers.emplace_back("Content-Type", std::move(content_type));
  out.body.push_back(std::make_shared<const std::string>(std::move(text)));
  return out;
}

}  // namespace skiff::apiserver::http
