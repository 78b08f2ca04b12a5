// Who a member of a shared control plane is, and how it proves it: its ids, its certificate and
// its cluster's authority, kept in one file that only its user may read. A new member gets them in
// a token from one that is there.
//
// Threads: any; Load and Save block on disk.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/certificate.h"
#include "base/rng.h"
#include "raft/types.h"

namespace skiff::cluster {

struct MemberIdentity {
  uint64_t cluster_id = 0;
  raft::MemberId id = 0;
  std::string name;
  std::string address;  // Where the other members reach it, "HOST:PORT".
  // Every member has the authority's key: each may take in others.
  TlsIdentity authority;
  TlsIdentity identity;
  // Whom it knew when it joined, as raft::Config::notes. Empty: it began the cluster.
  std::map<raft::MemberId, std::string> known;
  // Its first start is not over: it may have no store yet.
  bool fresh = false;

  bool joined() const { return !known.empty(); }
};

// The first member of a new cluster, with an id of its own or (not 0) the one it had before it had
// a name.
absl::StatusOr<MemberIdentity> NewCluster(const std::string& name, const std::string& address,
                                          absl::Time now, Rng* rng, raft::MemberId id = 0);
// Another one, of the cluster that `host` belongs to.
absl::StatusOr<MemberIdentity> NewMember(const MemberIdentity& host, const std::string& name,
                                         const std::string& address,
                                         std::map<raft::MemberId, std::string> known,
                                         absl::Time now, Rng* rng);

// kInvalidArgument: no label (RFC 1123), or not HOST:PORT, naming the option.
absl::Status CheckMemberName(absl::string_view name);
absl::Status CheckMemberAddress(absl::string_view option, absl::string_view address);
// The same, and others can reach it: neither port 0 nor every address of a host.
absl::Status CheckReachable(absl::string_view option, absl::string_view address);

// The common name of a member's certificate.
std::string MemberCommonName(raft::MemberId id);

// A text of one line that holds all of it: a secret, as the keys in it are.
std::string EncodeToken(const MemberIdentity& member);
// kInvalidArgument: it is none.
absl::StatusOr<MemberIdentity> DecodeToken(absl::string_view token);

// In `dir`, mode 0600. kNotFound: there is none. kDataLoss: it is damaged, naming the file.
absl::StatusOr<MemberIdentity> LoadIdentity(const std::string& dir);
absl::Status SaveIdentity(const MemberIdentity& member, const std::string& dir);

}  // namespace skiff::cluster
