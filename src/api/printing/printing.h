// Tables: the columns and cells that `kubectl get` shows, which the server computes.
//
//   for (const Column& column : Columns(pods)) ...
//   std::vector<Cell> row = Row(*pod, clock.Now());  // {"web-1", "1/1", "Running", "0", "5m", …}
//
// Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/object.h"
#include "api/resource.h"

namespace skiff::api {

// One metav1.TableColumnDefinition. `priority` 0 is always shown, 1 with -o wide.
struct Column {
  absl::string_view name;
  absl::string_view type;    // "string", "integer", "boolean", "date"
  absl::string_view format;  // "name" for the first column, else "".
  absl::string_view description;
  int priority = 0;
};

using Cell = std::variant<std::string, int64_t, bool>;
// The cell as JSON.
std::string CellJson(const Cell& cell);
// The cell as a terminal shows it.
std::string CellText(const Cell& cell);

// The columns of a resource; name and time of creation where it has none of its own.
std::span<const Column> Columns(const ResourceInfo& resource);

// One cell for each of the object's columns, as of `now`.
std::vector<Cell> Row(const Object& object, absl::Time now);

}  // namespace skiff::api
