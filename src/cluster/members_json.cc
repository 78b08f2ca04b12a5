#include "cluster/members_json.h"

#include "api/json_value.h"

namespace skiff::cluster {
namespace {

using api::JsonValue;

JsonValue Number(uint64_t number) { return JsonValue::Number(static_cast<int64_t>(number)); }

}  // namespace

std::string ToJson(const std::vector<MemberInfo>& members) {
  JsonValue out = JsonValue::Array();
  for (const MemberInfo& member : members) {
    JsonValue& row = out.items().emplace_back(JsonValue::Object());
    row.Member("id") = JsonValue::String(member.id);
    row.Member("name") = JsonValue::String(member.name);
    row.Member("address") = JsonValue::String(member.address);
    row.Member("voter") = JsonValue::Bool(member.voter);
    row.Member("leader") = JsonValue::Bool(member.leader);
    row.Member("self") = JsonValue::Bool(member.self);
    row.Member("active") = JsonValue::Bool(member.active);
    row.Member("behind") = Number(member.behind);
  }
  return out.ToString();
}

std::string ToJson(const SnapshotInfo& info) {
  JsonValue out = JsonValue::Object();
  out.Member("revision") = Number(info.revision);
  out.Member("objects") = Number(info.objects);
  out.Member("bytes") = Number(info.bytes);
  return out.ToString();
}

}  // namespace skiff::cluster
