#include "cluster/member_identity.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/json_value.h"
#include "base/status.h"
#include "cluster/secret_file.h"
#include "raft/crc32c.h"
#include "store/member_note.h"

namespace skiff::cluster {
namespace {

using api::JsonValue;

constexpr char kFile[] = "member.json";
constexpr char kTokenPrefix[] = "skiff1.";
constexpr char kSum[] = "crc32c";  // Of all the rest.

std::string Text(const JsonValue& object, absl::string_view name) {
  const JsonValue* value = object.Find(name);
  return value != nullptr && value->is_string() ? value->text() : "";
}

JsonValue ToJson(const MemberIdentity& member) {
  JsonValue out = JsonValue::Object();
  const auto add = [&out](absl::string_view name, absl::string_view value) {
    out.Member(name) = JsonValue::String(value);
  };
  add("clusterID", absl::StrCat(member.cluster_id));
  add("memberID", absl::StrCat(member.id));
  add("name", member.name);
  add("address", member.address);
  add("authority", member.authority.certificate_pem);
  add("authorityKey", member.authority.key_pem);
  add("certificate", member.identity.certificate_pem);
  add("key", member.identity.key_pem);
  JsonValue known = JsonValue::Object();
  for (const auto& [id, note] : member.known) {
    known.Member(absl::StrCat(id)) = JsonValue::String(note);
  }
  out.Member("known") = std::move(known);
  if (member.fresh) out.Member("fresh") = JsonValue::Bool(true);
  return out;
}

std::string Sum(const JsonValue& object) { return absl::StrCat(raft::Crc32c(object.ToString())); }

// Of a file with its checksum; files of earlier versions, and tokens, have none.
absl::StatusOr<MemberIdentity> FromJson(absl::string_view json) {
  SKIFF_ASSIGN_OR_RETURN(JsonValue in, JsonValue::Parse(json));
  MemberIdentity out;
  if (const std::string sum = Text(in, kSum); in.Erase(kSum) && sum != Sum(in)) {
    return absl::InvalidArgumentError("its checksum is another");
  }
  out.name = Text(in, "name");
  out.address = Text(in, "address");
  out.authority = {Text(in, "authority"), Text(in, "authorityKey")};
  out.identity = {Text(in, "certificate"), Text(in, "key")};
  if (!absl::SimpleAtoi(Text(in, "clusterID"), &out.cluster_id) ||
      !absl::SimpleAtoi(Text(in, "memberID"), &out.id) || out.id == 0 || out.name.empty() ||
      out.identity.key_pem.empty() || out.authority.certificate_pem.empty()) {
    return absl::InvalidArgumentError("it does not say who the member is");
  }
  if (const JsonValue* fresh = in.Find("fresh"); fresh != nullptr) out.fresh = fresh->boolean();
  if (const JsonValue* known = in.Find("known"); known != nullptr) {
    for (const auto& [id, note] : known->entries()) {
      raft::MemberId number = 0;
      if (absl::SimpleAtoi(id, &number)) out.known[number] = note.text();
    }
  }
  return out;
}

// Small enough for people to read, never 0.
raft::MemberId NewId(Rng* rng) { return 1 + rng->Below((uint64_t{1} << 48) - 1); }

absl::Status Certify(MemberIdentity* member, absl::Time now) {
  CertificateRequest request;
  request.common_name = MemberCommonName(member->id);
  request.organizations = {"skiff:members"};
  SKIFF_ASSIGN_OR_RETURN(member->identity, IssueCertificate(member->authority, request, now));
  return absl::OkStatus();
}

}  // namespace

std::string MemberCommonName(raft::MemberId id) { return absl::StrCat("skiff:member:", id); }

absl::Status CheckMemberName(absl::string_view name) {
  const auto fits = [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  };
  if (!name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
      std::all_of(name.begin(), name.end(), fits)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the member name \"", name,
                   "\" is no DNS label: use up to 63 of a-z, 0-9 and -, such as node-1"));
}

absl::Status CheckMemberAddress(absl::string_view option, absl::string_view address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon != absl::string_view::npos && colon > 0 && !absl::StrContains(address, ' ') &&
      absl::SimpleAtoi(address.substr(colon + 1), &port) && port <= 65535) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, " \"", address, "\": want HOST:PORT, such as 10.0.0.1:2380"));
}

absl::Status CheckReachable(absl::string_view option, absl::string_view address) {
  SKIFF_RETURN_IF_ERROR(CheckMemberAddress(option, address));
  const size_t colon = address.rfind(':');
  const absl::string_view host = address.substr(0, colon);
  uint32_t port = 0;
  if (absl::SimpleAtoi(address.substr(colon + 1), &port) && port != 0 && host != "0.0.0.0" &&
      host != "[::]" && host != "::" && host != "*") {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, " \"", address,
                   "\": nobody can connect to it; give the address and the port at which the other "
                   "members reach it, such as 10.0.0.1:2380"));
}

absl::StatusOr<MemberIdentity> NewCluster(const std::string& name, const std::string& address,
                                          absl::Time now, Rng* rng, raft::MemberId id) {
  MemberIdentity out;
  out.cluster_id = rng->Next();
  out.id = id == 0 ? NewId(rng) : id;
  out.name = name;
  out.address = address;
  SKIFF_ASSIGN_OR_RETURN(out.authority,
                         MakeAuthority(absl::StrCat("skiff cluster ", out.cluster_id)));
  SKIFF_RETURN_IF_ERROR(Certify(&out, now));
  return out;
}

absl::StatusOr<MemberIdentity> NewMember(const MemberIdentity& host, const std::string& name,
                                         const std::string& address,
                                         std::map<raft::MemberId, std::string> known,
                                         absl::Time now, Rng* rng) {
  MemberIdentity out;
  out.cluster_id = host.cluster_id;
  do {
    out.id = NewId(rng);
  } while (known.count(out.id) != 0);
  out.name = name;
  out.address = address;
  out.authority = host.authority;
  out.known = std::move(known);
  SKIFF_RETURN_IF_ERROR(Certify(&out, now));
  return out;
}

std::string EncodeToken(const MemberIdentity& member) {
  return absl::StrCat(kTokenPrefix, absl::WebSafeBase64Escape(ToJson(member).ToString()));
}

absl::StatusOr<MemberIdentity> DecodeToken(absl::string_view token) {
  token = absl::StripAsciiWhitespace(token);
  std::string json;
  if (absl::ConsumePrefix(&token, kTokenPrefix) && absl::WebSafeBase64Unescape(token, &json)) {
    if (auto member = FromJson(json); member.ok() && member->joined()) return member;
  }
  return absl::InvalidArgumentError(
      "the join token is none: give it whole, as `skiff member add` printed it");
}

absl::StatusOr<MemberIdentity> LoadIdentity(const std::string& dir) {
  const std::string path = absl::StrCat(dir, "/", kFile);
  const auto text = ReadWholeFile(path);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(absl::StrCat(path, ": there is none"));
  }
  SKIFF_RETURN_IF_ERROR(text.status());
  auto member = FromJson(*text);
  if (member.ok()) return member;
  return absl::DataLossError(absl::StrCat(
      path, " is damaged: ", member.status().message(),
      "; put back a copy of it, or remove the member and join again with an empty directory"));
}

absl::Status SaveIdentity(const MemberIdentity& member, const std::string& dir) {
  JsonValue object = ToJson(member);
  const std::string sum = Sum(object);
  object.Member(kSum) = JsonValue::String(sum);
  return WriteSecretFile(absl::StrCat(dir, "/", kFile), object.ToString());
}

}  // namespace skiff::cluster
