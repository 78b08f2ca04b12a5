#include <new>
#include <string>
#include <vector>

#include "base/status.h"
#include "capi/internal.h"
#include "cluster/members_json.h"

using skiff::capi::Check;
using skiff::capi::Guard;
using skiff::capi::Pointer;
using skiff::capi::Text;

namespace {

void Tell(const skiff::SnapshotInfo& info, char** summary) {
  if (summary == nullptr) return;
  *summary = skiff::capi::CopyOut(skiff::cluster::ToJson(info));
}

// A call about one member, by name.
template <typename Call>
skiff_code OnMember(skiff_cluster* cluster, const char* name, skiff_error** error, Call call) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Text("name", name)}));
    return call(*cluster->cluster, name);
  });
}

}  // namespace

absl::Status skiff::capi::CheckMember(const skiff::ClusterOptions& options) {
  if (!options.member) return absl::OkStatus();
  return Check({Text("name", options.member->name.c_str()),
                Text("listen", options.member->listen.c_str()),
                Text("advertise", options.member->advertise.c_str()),
                Text("token", options.member->token.c_str())});
}

extern "C" {

void skiff_options_set_member(skiff_options* options, const char* name, const char* listen,
                              const char* advertise, const char* token) {
  if (options == nullptr) return;
  try {
    options->options.member.reset();
    if (name == nullptr || *name == '\0') return;
    using skiff::capi::OrEmpty;
    options->options.member =
        skiff::MemberOptions{name, OrEmpty(listen), OrEmpty(advertise), OrEmpty(token)};
  } catch (const std::bad_alloc&) {
    options->out_of_memory = true;
  }
}

skiff_code skiff_members(skiff_cluster* cluster, char** json, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Pointer("json", json)}));
    SKIFF_ASSIGN_OR_RETURN(const std::vector<skiff::MemberInfo> members,
                           cluster->cluster->Members());
    *json = skiff::capi::CopyOut(skiff::cluster::ToJson(members));
    return absl::OkStatus();
  });
}

skiff_code skiff_member_add(skiff_cluster* cluster, const char* name, const char* address,
                            char** token, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Text("name", name),
                                 Text("address", address), Pointer("token", token)}));
    SKIFF_ASSIGN_OR_RETURN(const std::string made, cluster->cluster->AddMember(name, address));
    *token = skiff::capi::CopyOut(made);
    return absl::OkStatus();
  });
}

skiff_code skiff_member_promote(skiff_cluster* cluster, const char* name, skiff_error** error) {
  return OnMember(cluster, name, error,
                  [](skiff::Cluster& on, const char* member) { return on.PromoteMember(member); });
}

skiff_code skiff_member_remove(skiff_cluster* cluster, const char* name, skiff_error** error) {
  return OnMember(cluster, name, error,
                  [](skiff::Cluster& on, const char* member) { return on.RemoveMember(member); });
}

skiff_code skiff_member_lead(skiff_cluster* cluster, const char* name, skiff_error** error) {
  return OnMember(cluster, name, error,
                  [](skiff::Cluster& on, const char* member) { return on.LeadMember(member); });
}

skiff_code skiff_snapshot_save(skiff_cluster* cluster, const char* path, char** summary,
                               skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Pointer("path", path)}));
    SKIFF_ASSIGN_OR_RETURN(const skiff::SnapshotInfo saved, cluster->cluster->SaveSnapshot(path));
    Tell(saved, summary);
    return absl::OkStatus();
  });
}

skiff_code skiff_snapshot_save_offline(const char* data_dir, const char* path, char** summary,
                                       skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("data_dir", data_dir), Pointer("path", path)}));
    SKIFF_ASSIGN_OR_RETURN(const skiff::SnapshotInfo saved,
                           skiff::Cluster::SaveOffline(data_dir, path));
    Tell(saved, summary);
    return absl::OkStatus();
  });
}

skiff_code skiff_snapshot_restore(const char* path, const skiff_options* options, char** summary,
                                  skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("path", path), Pointer("options", options)}));
    if (options->out_of_memory) {
      return absl::ResourceExhaustedError("out of memory for the options");
    }
    SKIFF_RETURN_IF_ERROR(skiff::capi::CheckMember(options->options));
    SKIFF_ASSIGN_OR_RETURN(
        const skiff::SnapshotInfo restored,
        skiff::Cluster::RestoreSnapshot(path, options->options.data_dir, options->options.member));
    Tell(restored, summary);
    return absl::OkStatus();
  });
}

}  // extern "C"
