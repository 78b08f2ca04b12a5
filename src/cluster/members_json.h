// Members and snapshots as JSON: for the operator's socket and the C API alike.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "skiff/members.h"

namespace skiff::cluster {

// [{"id","name","address","voter","leader","self","active","behind"}, ...]
std::string ToJson(const std::vector<MemberInfo>& members);
// {"revision","objects","bytes"}
std::string ToJson(const SnapshotInfo& info);

}  // namespace skiff::cluster
