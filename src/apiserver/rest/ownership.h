// Which manager a write makes the owner of what it changes: metadata.managedFields on the write
// path.
//
// Threads: any.
#pragma once

#include <string>

#include "api/managed_fields.h"
#include "apiserver/rest/strategy.h"

namespace skiff::apiserver {

// What writes of the kind on that path never change: the status on the main path, all but the
// status on its own. Lives as long as the process.
const api::FieldSet& NeverOwnedOn(const google::protobuf::Message& kind,
                                  absl::string_view subresource);

// `now`, with its defaults, is what the client would have in place of `old` (for a create: an empty
// one). Sets its managedFields, unless `env` says that they are settled.
void RecordOwner(const Env& env, const std::string& manager, const std::string& subresource,
                 const google::protobuf::Message& old, google::protobuf::Message* now);

}  // namespace skiff::apiserver
