#include "apiserver/rest/ownership.h"

namespace skiff::apiserver {

const api::FieldSet& NeverOwnedOn(const google::protobuf::Message& kind,
                                  absl::string_view subresource) {
  const auto make = [](std::initializer_list<const char*> reset) {
    api::FieldSet fields;
    for (const char* name : reset) fields.Insert({api::PathStep::Field(name)});
    return new api::FieldSet(api::NeverOwned(fields));  // Reachable for ever.
  };
  static const api::FieldSet* const kOnStatus = make({"metadata", "spec"});
  static const api::FieldSet* const kBesideStatus = make({"status"});
  static const api::FieldSet* const kPlain = make({});
  static const api::FieldSet* const kOnApproval = [] {
    api::FieldSet fields = *kOnStatus;
    fields.Insert({api::PathStep::Field("status"), api::PathStep::Field("certificate")});
    return new api::FieldSet(std::move(fields));
  }();
  if (subresource == "status") return *kOnStatus;
  if (subresource == "approval") return *kOnApproval;
  return HasStatusPath(kind) ? *kBesideStatus : *kPlain;
}

void RecordOwner(const Env& env, const std::string& manager, const std::string& subresource,
                 const google::protobuf::Message& old, google::protobuf::Message* now) {
  if (env.owners_settled) return;
  api::FieldWrite write;
  write.manager = manager;
  write.api_version = api::ResourceOfDescriptor(now->GetDescriptor()).api_version();
  write.subresource = subresource;
  write.now = env.now;
  write.never_owned = &NeverOwnedOn(*now, subresource);
  api::RecordWrite(write, old, now);
}

}  // namespace skiff::apiserver
