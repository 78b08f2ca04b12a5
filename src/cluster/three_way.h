// What `kubectl apply` computes on the client: the strategic merge patch that brings a live object
// to the applied manifest, removing what an earlier apply set and this one leaves out.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "api/json_value.h"
#include "google/protobuf/descriptor.h"

namespace skiff::cluster {

inline constexpr absl::string_view kLastApplied =
    "kubectl.kubernetes.io/last-applied-configuration";

// `last` is what the annotation of the live object says (an empty object if it has none), `applied`
// the new manifest. The result holds what is in `applied`, with nulls and `$patch: delete` for what
// only `last` has. Lists merge as the field options of `type` say.
api::JsonValue ThreeWayPatch(const api::JsonValue& last, const api::JsonValue& applied,
                             const google::protobuf::Descriptor* type);

// `applied` with the annotation that remembers it, as kubectl writes it.
api::JsonValue WithLastApplied(const api::JsonValue& applied);
// What the annotation of a live object remembers; an empty object if nothing, or nothing readable.
api::JsonValue LastAppliedOf(const api::JsonValue& live);

}  // namespace skiff::cluster
