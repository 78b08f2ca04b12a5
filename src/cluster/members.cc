#include "cluster/members.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "cluster/await.h"
#include "raft/peer_transport.h"
#include "store/member_note.h"
#include "store/snapshot_file.h"

namespace skiff::cluster {

std::string StoreOf(const std::string& dir) { return dir + "/store"; }

bool HasStore(const std::string& dir) {
  std::error_code error;
  return std::filesystem::exists(StoreOf(dir) + "/CURRENT", error);
}

absl::Status CheckDirectory(const std::string& dir, bool member) {
  std::error_code error;
  if (std::filesystem::exists(store::RestoreInProgress(StoreOf(dir)), error)) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", dir,
                     " is of a `skiff snapshot restore` that did not end: do "
                     "that again"));
  }
  if (member) return absl::OkStatus();
  const auto identity = LoadIdentity(dir + "/member");
  if (absl::IsNotFound(identity.status())) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("data directory ", dir, " is of ",
                   identity.ok() ? absl::StrCat("member \"", identity->name, "\"") : "a member",
                   " of a control plane of several: start it with `skiff server`"));
}

namespace {

std::string IdentityFile(const std::string& dir) { return dir + "/member/member.json"; }

// Of a store without its identity: that of the only member of a cluster whose member had no name
// (`skiff dev`, `skiff snapshot restore` without --name), which may get one. Its id.
absl::StatusOr<raft::MemberId> NamelessMember(const std::string& dir) {
  SKIFF_ASSIGN_OR_RETURN(const raft::Config config, store::ConfigOfStore(StoreOf(dir)));
  if (config.voters.empty() && config.notes.empty()) return 0;  // Nothing is in it yet.
  std::vector<std::string> names;
  for (const auto& [id, note] : config.notes) {
    if (!note.empty()) names.push_back(store::MemberName(note));
  }
  if (names.empty() && config.voters.size() == 1 && config.learners.empty() && !config.joint()) {
    return *config.voters.begin();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      IdentityFile(dir), " is missing, but ", StoreOf(dir), " is that of a member of ",
      absl::StrJoin(names, ", "),
      ": put the file back; or remove the member, empty the data directory and add it again"));
}

absl::StatusOr<MemberIdentity> MakeIdentity(const MemberOptions& options, const std::string& dir,
                                            const std::string& address, absl::Time now) {
  raft::MemberId id = 0;
  if (HasStore(dir)) {
    SKIFF_ASSIGN_OR_RETURN(id, NamelessMember(dir));
    if (id != 0 && !options.token.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("data directory ", dir,
                       " holds a cluster of its own: to join another, start "
                       "with an empty one"));
    }
  }
  Rng rng = Rng::FromSystem();
  SKIFF_ASSIGN_OR_RETURN(MemberIdentity made, options.token.empty()
                                                  ? NewCluster(options.name, address, now, &rng, id)
                                                  : DecodeToken(options.token));
  if (made.name != options.name) {
    return absl::InvalidArgumentError(absl::StrCat("the join token is for member \"", made.name,
                                                   "\", not \"", options.name, "\""));
  }
  made.fresh = true;
  return made;
}

// That what was asked for at an earlier start is asked for again.
void WarnOfIgnored(const MemberOptions& options, const MemberIdentity& known,
                   const std::string& address, const Logger& logger) {
  if (!options.token.empty()) {
    const auto token = DecodeToken(options.token);
    if (!token.ok() || token->id != known.id || token->cluster_id != known.cluster_id) {
      logger.Warning(
          "the join token is ignored: the data directory is that of member \"%s\" of a cluster "
          "already; to join with the token, start with an empty one",
          known.name);
    }
  }
  if (address != known.address) {
    logger.Warning(
        "the other members reach member \"%s\" at %s, as it was added, not at %s: to change that, "
        "remove it and add it again",
        known.name, known.address, address);
  }
}

}  // namespace

absl::StatusOr<MemberIdentity> IdentifyMember(const MemberOptions& options, const std::string& dir,
                                              absl::Time now, const Logger& logger) {
  const std::string address = options.advertise.empty() ? options.listen : options.advertise;
  SKIFF_RETURN_IF_ERROR(CheckMemberName(options.name));
  SKIFF_RETURN_IF_ERROR(CheckMemberAddress("the member's listen address", options.listen));
  SKIFF_RETURN_IF_ERROR(CheckReachable(options.advertise.empty()
                                           ? "the member's listen address (no other is advertised)"
                                           : "the member's advertised address",
                                       address));
  const std::string place = dir + "/member";
  auto known = LoadIdentity(place);
  if (absl::IsNotFound(known.status())) {
    SKIFF_ASSIGN_OR_RETURN(MemberIdentity made, MakeIdentity(options, dir, address, now));
    SKIFF_RETURN_IF_ERROR(SaveIdentity(made, place));
    return made;
  }
  SKIFF_RETURN_IF_ERROR(known.status());
  if (known->name != options.name) {
    return absl::FailedPreconditionError(absl::StrCat("data directory ", dir, " is of member \"",
                                                      known->name, "\", not \"", options.name,
                                                      "\": give that name, or another directory"));
  }
  if (!known->fresh && !HasStore(dir)) {
    return absl::FailedPreconditionError(absl::StrCat(
        StoreOf(dir), " is gone, but ", IdentityFile(dir), " says that member \"", known->name,
        "\" had one: is a disk not mounted? If it is lost, remove the member (skiff member remove ",
        known->name,
        ", by another), empty the data directory and add it again; alone, restore a "
        "snapshot into a new data directory"));
  }
  WarnOfIgnored(options, *known, address, logger);
  return known;
}

absl::Status BeginLife(MemberIdentity* identity, const std::string& dir) {
  if (!std::exchange(identity->fresh, false)) return absl::OkStatus();
  return SaveIdentity(*identity, dir + "/member");
}

absl::StatusOr<std::unique_ptr<store::Membership>> MeetMembers(const MemberIdentity& identity,
                                                               const std::string& listen,
                                                               UvExecutor* loop, WorkPool* pool,
                                                               Logger logger, Metrics* metrics) {
  auto out = std::make_unique<store::Membership>();
  out->id = identity.id;
  out->initial.notes = identity.known;
  out->initial.notes[identity.id] = store::MemberNote(identity.name, identity.address);
  if (!identity.joined()) out->initial.voters = {identity.id};
  raft::PeerOptions options;
  options.id = identity.id;
  options.cluster_id = identity.cluster_id;
  options.listen = listen;
  options.identity = identity.identity;
  options.authorities_pem = identity.authority.certificate_pem;
  options.common_name = MemberCommonName;
  SKIFF_ASSIGN_OR_RETURN(out->transport, raft::PeerTransport::Listen(loop, pool, std::move(options),
                                                                     std::move(logger), metrics));
  return out;
}

template <typename T, typename Start>
absl::StatusOr<T> Members::Ask(Start start) {
  return Await<T>(nullptr, [&](client::Callback<T> done) {
    if (group_ == nullptr) return start(store_, std::move(done));
    time_->Run([&] {
      ControlPlane* const asked = group_->AnyReachable();
      if (asked == nullptr) return std::move(done)(UnreachableMembers());
      start(&asked->store(), time_->Passing(std::move(done)));
    });
  });
}

// Of a function that answers with a Status.
template <typename Start>
absl::Status Members::AskStatus(Start start) {
  const auto answer = Ask<bool>([&](store::Store* store, client::Callback<bool> done) {
    start(store, [done = std::move(done)](absl::Status status) mutable {
      std::move(done)(status.ok() ? absl::StatusOr<bool>(true) : absl::StatusOr<bool>(status));
    });
  });
  return answer.status();
}

absl::StatusOr<store::StoreStatus> Members::Status() {
  if (!self_ && group_ == nullptr) {
    return absl::FailedPreconditionError(
        "this cluster is of one member: open it as one of several (skiff server) for more");
  }
  SKIFF_ASSIGN_OR_RETURN(
      store::StoreStatus status,
      Ask<store::StoreStatus>([](store::Store* store, client::Callback<store::StoreStatus> done) {
        store->Status([done = std::move(done)](store::StoreStatus status) mutable {
          std::move(done)(std::move(status));
        });
      }));
  SKIFF_RETURN_IF_ERROR(status.expelled);
  return status;
}

absl::StatusOr<store::StoreStatus> Members::FreshStatus() {
  if (self_ || group_ != nullptr) {
    SKIFF_RETURN_IF_ERROR(
        AskStatus([](store::Store* store, absl::AnyInvocable<void(absl::Status) &&> done) {
          store->Barrier(std::move(done));
        }));
  }
  return Status();
}

absl::StatusOr<raft::MemberId> Members::Find(const std::string& name) {
  SKIFF_ASSIGN_OR_RETURN(const store::StoreStatus status, FreshStatus());
  for (const store::MemberStatus& member : status.members) {
    if (store::MemberName(member.note) == name) return member.id;
  }
  return absl::NotFoundError(
      absl::StrCat("no member is called \"", name, "\": list the members to see who there is"));
}

absl::StatusOr<std::vector<MemberInfo>> Members::List() {
  SKIFF_ASSIGN_OR_RETURN(const store::StoreStatus status, Status());
  std::vector<MemberInfo> out;
  for (const store::MemberStatus& member : status.members) {
    MemberInfo info;
    info.id = absl::StrCat(member.id);
    info.name = store::MemberName(member.note);
    info.address = store::MemberAddress(member.note);
    info.voter = member.voter;
    info.leader = member.id == status.leader;
    info.self = member.id == status.id;
    info.active = member.active || info.self;
    if (member.match && *member.match < status.commit) info.behind = status.commit - *member.match;
    out.push_back(std::move(info));
  }
  std::sort(out.begin(), out.end(),
            [](const MemberInfo& a, const MemberInfo& b) { return a.name < b.name; });
  return out;
}

absl::Status Members::Change(store::MemberChange change) {
  return AskStatus([&](store::Store* store, absl::AnyInvocable<void(absl::Status) &&> done) {
    store->ChangeMembers(std::move(change), std::move(done));
  });
}

absl::StatusOr<std::string> Members::Add(const std::string& name, const std::string& address) {
  SKIFF_RETURN_IF_ERROR(CheckMemberName(name));
  SKIFF_RETURN_IF_ERROR(CheckReachable("the member's address", address));
  SKIFF_ASSIGN_OR_RETURN(const store::StoreStatus status, FreshStatus());
  std::map<raft::MemberId, std::string> notes;
  for (const store::MemberStatus& member : status.members) notes[member.id] = member.note;
  Rng rng = Rng::FromSystem();
  SKIFF_ASSIGN_OR_RETURN(const MemberIdentity member,
                         NewMember(*self_, name, address, notes, clock_->Now(), &rng));
  SKIFF_RETURN_IF_ERROR(Change({.add = {{member.id, store::MemberNote(name, address)}}}));
  return EncodeToken(member);
}

absl::Status Members::Promote(const std::string& name) {
  SKIFF_ASSIGN_OR_RETURN(const raft::MemberId member, Find(name));
  return Change({.promote = {member}});
}

absl::Status Members::Remove(const std::string& name) {
  SKIFF_ASSIGN_OR_RETURN(const raft::MemberId member, Find(name));
  return Change({.remove = {member}});
}

absl::Status Members::Lead(const std::string& name) {
  SKIFF_ASSIGN_OR_RETURN(const raft::MemberId member, Find(name));
  return AskStatus([&](store::Store* store, absl::AnyInvocable<void(absl::Status) &&> done) {
    store->TransferLeadership(member, std::move(done));
  });
}

absl::StatusOr<SnapshotInfo> Members::SaveSnapshot(const std::string& path) {
  using Present = std::shared_ptr<const store::Snapshot>;
  SKIFF_ASSIGN_OR_RETURN(
      const Present present, Ask<Present>([](store::Store* store, client::Callback<Present> done) {
        store->Barrier([store, done = std::move(done)](const absl::Status& fresh) mutable {
          if (!fresh.ok()) return std::move(done)(fresh);
          std::move(done)(store->snapshot());
        });
      }));
  SKIFF_ASSIGN_OR_RETURN(const store::SnapshotSummary saved, store::SaveSnapshot(*present, path));
  return SnapshotInfo{saved.revision, saved.objects, saved.bytes};
}

}  // namespace skiff::cluster
