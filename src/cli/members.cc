// `skiff member` and `skiff snapshot`: what the operator of one member of a control plane asks it,
// through the socket in its data directory.
#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "base/status.h"
#include "cli/api_client.h"
#include "cli/commands.h"
#include "skiff/cluster.h"

namespace skiff::cli {
namespace {

using api::JsonValue;

std::string Quoted(const std::string& text) { return api::JsonString(text); }

absl::StatusOr<JsonValue> Ask(const std::string& data_dir, const std::string& method,
                              const std::string& path, const std::string& body = "") {
  ApiClient client = ApiClient::OfMember(data_dir);
  SKIFF_ASSIGN_OR_RETURN(const ApiClient::Reply reply, client.Call(method, path, body));
  return JsonValue::Parse(reply.body);
}

bool Is(const JsonValue& object, const char* name) {
  const JsonValue* value = object.Find(name);
  return value != nullptr && value->boolean();
}

std::string Text(const JsonValue& object, const char* name) {
  const JsonValue* value = object.Find(name);
  return value == nullptr ? "" : value->text();
}

uint64_t Number(const JsonValue& object, const char* name) {
  uint64_t out = 0;
  return absl::SimpleAtoi(Text(object, name), &out) ? out : 0;
}

}  // namespace

absl::Status MemberList(const std::string& data_dir) {
  SKIFF_ASSIGN_OR_RETURN(const JsonValue members, Ask(data_dir, "GET", "/members"));
  bool leads = false;  // Only the leader knows how the others are.
  for (const JsonValue& member : members.items()) {
    leads = leads || (Is(member, "leader") && Is(member, "self"));
  }
  std::vector<std::vector<std::string>> rows = {{"NAME", "ROLE", "ADDRESS", "STATE", "BEHIND"}};
  for (const JsonValue& member : members.items()) {
    const bool known = leads || Is(member, "self");
    const char* role = Is(member, "leader") ? "leader" : Is(member, "voter") ? "voter" : "learner";
    const char* state = !known ? "-" : Is(member, "active") ? "up" : "silent";
    rows.push_back({Text(member, "name"), role, Text(member, "address"), state,
                    leads ? Text(member, "behind") : "-"});
  }
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      std::cout << std::left << std::setw(static_cast<int>(widths[i]) + 3) << row[i];
    }
    std::cout << row.back() << "\n";
  }
  return absl::OkStatus();
}

absl::Status MemberAdd(const std::string& data_dir, const std::string& name,
                       const std::string& address) {
  SKIFF_ASSIGN_OR_RETURN(
      const JsonValue answer,
      Ask(data_dir, "POST", "/members",
          absl::StrCat("{\"name\":", Quoted(name), ",\"address\":", Quoted(address), "}")));
  // Alone on standard output, so that it can go straight into a file.
  std::cout << Text(answer, "token") << "\n";
  std::cerr << "start it with: skiff server --name " << name << " --peer-listen " << address
            << " --data-dir DIR --join TOKEN (keep the token secret)\n";
  return absl::OkStatus();
}

absl::Status MemberRemove(const std::string& data_dir, const std::string& name) {
  return Ask(data_dir, "DELETE", "/members/" + Escape(name)).status();
}

absl::Status MemberPromote(const std::string& data_dir, const std::string& name) {
  return Ask(data_dir, "POST", absl::StrCat("/members/", Escape(name), "/promote")).status();
}

absl::Status MemberLead(const std::string& data_dir, const std::string& name) {
  return Ask(data_dir, "POST", absl::StrCat("/members/", Escape(name), "/lead")).status();
}

absl::Status SnapshotSave(const std::string& data_dir, const std::string& file, bool offline) {
  const std::string path = std::filesystem::absolute(file).string();
  SnapshotInfo saved;
  if (offline) {
    SKIFF_ASSIGN_OR_RETURN(saved, Cluster::SaveOffline(data_dir, path));
  } else {
    SKIFF_ASSIGN_OR_RETURN(
        const JsonValue answer,
        Ask(data_dir, "POST", "/snapshot", absl::StrCat("{\"path\":", Quoted(path), "}")));
    saved = {Number(answer, "revision"), Number(answer, "objects"), Number(answer, "bytes")};
  }
  std::cout << "saved " << saved.objects << " objects at revision " << saved.revision << " to "
            << file << " (" << saved.bytes << " bytes)\n";
  return absl::OkStatus();
}

absl::Status SnapshotRestore(const std::string& file, const std::string& data_dir,
                             const ServerOptions& options) {
  std::optional<MemberOptions> member;
  if (!options.name.empty())
    member = MemberOptions{options.name, options.peer_listen, options.peer_advertise, ""};
  SKIFF_ASSIGN_OR_RETURN(const SnapshotInfo restored,
                         Cluster::RestoreSnapshot(file, data_dir, member));
  std::cout << "restored " << restored.objects << " objects at revision " << restored.revision
            << " into " << data_dir << "\n";
  return absl::OkStatus();
}

}  // namespace skiff::cli
