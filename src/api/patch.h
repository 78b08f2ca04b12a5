// The three patches of the Kubernetes API, on JSON texts.
//
// A malformed document or patch is 400 BadRequest; a patch that does not apply (a failed test, a
// missing path) is 422 Invalid (see errors.h). Nothing here defaults or validates the result.
//
// Threads: any.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace skiff::api {

// RFC 6902. Errors name the operation by its index, and the path. At most 10,000 operations.
absl::StatusOr<std::string> JsonPatch(absl::string_view document, absl::string_view patch);

// RFC 7386.
absl::StatusOr<std::string> MergePatch(absl::string_view document, absl::string_view patch);

// Kubernetes' strategic merge patch: lists merge as the schema says (patch_strategy,
// patch_merge_key), and the patch may hold directives: $patch (replace, delete, merge),
// $retainKeys, $setElementOrder/<list> and $deleteFromPrimitiveList/<list>. `schema` is the message
// that the document is.
absl::StatusOr<std::string> StrategicMergePatch(absl::string_view document, absl::string_view patch,
                                                const google::protobuf::Descriptor* schema);

}  // namespace skiff::api
