#include "network/netlink.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/socket.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::network {
namespace {

struct FreeLink {
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
using LinkPtr = std::unique_ptr<rtnl_link, FreeLink>;
struct FreeAddress {
  void operator()(nl_addr* address) const { nl_addr_put(address); }
};
using AddressPtr = std::unique_ptr<nl_addr, FreeAddress>;

absl::Status NlStatus(int error, absl::string_view what) {
  if (error >= 0) return absl::OkStatus();
  switch (-error) {
    case NLE_PERM:
      return absl::PermissionDeniedError(
          absl::StrCat(what, ": not permitted: it needs CAP_NET_ADMIN"));
    case NLE_OPNOTSUPP:
      return absl::FailedPreconditionError(absl::StrCat(what, ": this kernel cannot do it"));
    case NLE_EXIST:
      return absl::AlreadyExistsError(absl::StrCat(what, ": exists"));
    case NLE_OBJ_NOTFOUND:
    case NLE_NODEV:
      return absl::NotFoundError(absl::StrCat(what, ": no such link"));
    default:
      return absl::InternalError(absl::StrCat(what, ": ", nl_geterror(error)));
  }
}

absl::StatusOr<LinkPtr> Get(nl_sock* socket, const std::string& name) {
  rtnl_link* link = nullptr;
  SKIFF_RETURN_IF_ERROR(NlStatus(rtnl_link_get_kernel(socket, 0, name.c_str(), &link), name));
  return LinkPtr(link);
}

absl::StatusOr<AddressPtr> ParseAddress(const std::string& text) {
  nl_addr* address = nullptr;
  SKIFF_RETURN_IF_ERROR(NlStatus(nl_addr_parse(text.c_str(), AF_INET, &address), text));
  return AddressPtr(address);
}

}  // namespace

void Netlink::Free::operator()(nl_sock* socket) const { nl_socket_free(socket); }

absl::StatusOr<Netlink> Netlink::Open() {
  Netlink out(nl_socket_alloc());
  if (out.socket_ == nullptr) return absl::ResourceExhaustedError("no memory for a netlink socket");
  SKIFF_RETURN_IF_ERROR(NlStatus(nl_connect(out.socket_.get(), NETLINK_ROUTE), "netlink"));
  const int fd = nl_socket_get_fd(out.socket_.get());
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return out;
}

absl::StatusOr<Netlink> Netlink::OpenIn(int64_t pid) {
  const UniqueFd own(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  const std::string path = absl::StrCat("/proc/", pid, "/ns/net");
  const UniqueFd other(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!own.valid() || !other.valid()) return ErrnoStatus(errno, path);
  if (setns(other.get(), CLONE_NEWNET) != 0) return ErrnoStatus(errno, path);
  auto out = Open();
  // A thread in the wrong namespace would do harm: there is no going on without this.
  SKIFF_CHECK(setns(own.get(), CLONE_NEWNET) == 0);
  return out;
}

absl::StatusOr<int> Netlink::LinkIndex(const std::string& name) {
  const auto link = Get(socket_.get(), name);
  if (absl::IsNotFound(link.status())) return 0;
  SKIFF_RETURN_IF_ERROR(link.status());
  return rtnl_link_get_ifindex(link->get());
}

absl::StatusOr<std::vector<Link>> Netlink::Links() {
  nl_cache* cache = nullptr;
  SKIFF_RETURN_IF_ERROR(
      NlStatus(rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, &cache), "list the links"));
  std::vector<Link> out;
  for (nl_object* row = nl_cache_get_first(cache); row != nullptr; row = nl_cache_get_next(row)) {
    auto* link = reinterpret_cast<rtnl_link*>(row);
    const char* kind = rtnl_link_get_type(link);
    out.push_back({rtnl_link_get_ifindex(link), rtnl_link_get_master(link),
                   rtnl_link_get_name(link), kind == nullptr ? "" : kind});
  }
  nl_cache_free(cache);
  return out;
}

absl::Status Netlink::AddBridge(const std::string& name, const std::string& mac) {
  const auto existing = Get(socket_.get(), name);
  if (existing.ok()) {
    const char* kind = rtnl_link_get_type(existing->get());
    if (kind != nullptr && std::string(kind) == "bridge") return absl::OkStatus();
    return absl::AlreadyExistsError(absl::StrCat("the name of the pods' bridge, ", name,
                                                 ", belongs to a link that is none: delete it (ip ",
                                                 "link del ", name, ")"));
  }
  if (!absl::IsNotFound(existing.status())) return existing.status();
  const LinkPtr link(rtnl_link_bridge_alloc());
  rtnl_link_set_name(link.get(), name.c_str());
  nl_addr* parsed = nullptr;
  SKIFF_RETURN_IF_ERROR(NlStatus(nl_addr_parse(mac.c_str(), AF_LLC, &parsed), mac));
  const AddressPtr hardware(parsed);
  rtnl_link_set_addr(link.get(), hardware.get());
  return NlStatus(rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL),
                  absl::StrCat("make the bridge ", name));
}

absl::Status Netlink::AddVeth(const std::string& name, const std::string& peer, int64_t peer_pid) {
  return NlStatus(
      rtnl_link_veth_add(socket_.get(), name.c_str(), peer.c_str(), static_cast<pid_t>(peer_pid)),
      absl::StrCat("make the veth pair ", name));
}

absl::Status Netlink::SetUp(const std::string& name) {
  SKIFF_ASSIGN_OR_RETURN(const LinkPtr link, Get(socket_.get(), name));
  const LinkPtr change(rtnl_link_alloc());
  rtnl_link_set_flags(change.get(), IFF_UP);
  return NlStatus(rtnl_link_change(socket_.get(), link.get(), change.get(), 0),
                  absl::StrCat("bring up ", name));
}

absl::Status Netlink::SetMaster(const std::string& name, const std::string& bridge) {
  SKIFF_ASSIGN_OR_RETURN(const LinkPtr link, Get(socket_.get(), name));
  SKIFF_ASSIGN_OR_RETURN(const LinkPtr master, Get(socket_.get(), bridge));
  return NlStatus(rtnl_link_enslave(socket_.get(), master.get(), link.get()),
                  absl::StrCat("put ", name, " on ", bridge));
}

absl::Status Netlink::AddAddress(const std::string& name, const std::string& address) {
  SKIFF_ASSIGN_OR_RETURN(const int index, LinkIndex(name));
  SKIFF_ASSIGN_OR_RETURN(const AddressPtr local, ParseAddress(address));
  rtnl_addr* row = rtnl_addr_alloc();
  rtnl_addr_set_ifindex(row, index);
  rtnl_addr_set_local(row, local.get());
  const absl::Status added = NlStatus(rtnl_addr_add(socket_.get(), row, 0),
                                      absl::StrCat("give ", name, " the address ", address));
  rtnl_addr_put(row);
  return absl::IsAlreadyExists(added) ? absl::OkStatus() : added;
}

absl::Status Netlink::AddDefaultRoute(const std::string& gateway, const std::string& name) {
  SKIFF_ASSIGN_OR_RETURN(const int index, LinkIndex(name));
  SKIFF_ASSIGN_OR_RETURN(const AddressPtr all, ParseAddress("0.0.0.0/0"));
  SKIFF_ASSIGN_OR_RETURN(const AddressPtr via, ParseAddress(gateway));
  rtnl_route* route = rtnl_route_alloc();
  rtnl_route_set_dst(route, all.get());
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_gateway(hop, via.get());
  rtnl_route_nh_set_ifindex(hop, index);
  rtnl_route_add_nexthop(route, hop);
  const absl::Status added =
      NlStatus(rtnl_route_add(socket_.get(), route, 0), "add the default route");
  rtnl_route_put(route);
  return absl::IsAlreadyExists(added) ? absl::OkStatus() : added;
}

absl::Status Netlink::DeleteLink(const std::string& name) {
  const auto link = Get(socket_.get(), name);
  if (absl::IsNotFound(link.status())) return absl::OkStatus();
  SKIFF_RETURN_IF_ERROR(link.status());
  const absl::Status gone = NlStatus(rtnl_link_delete(socket_.get(), link->get()),
                                     absl::StrCat("delete the link ", name));
  return absl::IsNotFound(gone) ? absl::OkStatus() : gone;
}

}  // namespace skiff::network
