// The names under which clients own what they write (fieldManager), as requests give them.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "api/errors.h"

namespace skiff::apiserver::http {

// A name that a client gives itself: at most 128 bytes of what can be printed. Adds what is wrong
// with it.
void CheckFieldManager(absl::string_view name, std::vector<api::FieldError>* errors);

// The name of a client that gives none: its program, before the version (`kubectl/v1.35.0 (…)`),
// as far as it can be printed and is short enough.
std::string FieldManagerOfAgent(absl::string_view user_agent);

}  // namespace skiff::apiserver::http
