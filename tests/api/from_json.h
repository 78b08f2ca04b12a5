// Objects for tests, written as JSON.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "api/codec.h"
#include "api/json_value.h"
#include "api/types.h"

namespace skiff::api {

inline JsonValue Json(absl::string_view text) {
  auto value = JsonValue::Parse(text);
  INFO(text);
  REQUIRE(value.ok());
  return *std::move(value);
}

template <typename T>
T FromJson(absl::string_view json) {
  T message;
  const absl::Status status = DecodeJson(json, &message);
  INFO(status.message() << " in " << json);
  REQUIRE(status.ok());
  return message;
}

template <typename T>
ObjectPtr ObjectFromJson(absl::string_view json) {
  return Object::Make(std::make_unique<T>(FromJson<T>(json)));
}

}  // namespace skiff::api
