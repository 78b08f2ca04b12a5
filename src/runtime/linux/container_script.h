// What a container's process does on its way from the head to the container's program.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/image/image_store.h"
#include "runtime/linux/cgroup.h"
#include "runtime/linux/script.h"
#include "runtime/linux/seccomp.h"
#include "runtime/linux/user.h"
#include "runtime/runtime.h"

namespace skiff::runtime {

// What both kinds of container need to know of their place.
struct ContainerPlace {
  std::string dir;                    // Of this attempt: made, empty, absolute.
  std::string group;                  // Its v2 control group's directory,
  std::vector<std::string> v1_tasks;  // and the files by which it joins the others.
  std::vector<Cgroups::View> cgroup_views;
  bool host_network = false;
  SeccompFilters* filters = nullptr;
};

// Whose process numbers a container sees.
enum class Pids { kOwn, kPods, kHosts };

struct Launch {
  Script script;
  // The part of it that every further program in the container begins with as well: directory,
  // rights and environment.
  Script program;
  unsigned long namespaces = 0;  // CLONE_NEW… of the container's own.
  Pids pids = Pids::kOwn;
  std::string image_id;
};

// A container of an image: an overlay root, the usual mounts, dropped rights. kNotFound: no such
// image; kFailedPrecondition, kInvalidArgument: it cannot run as asked.
absl::StatusOr<Launch> LinuxLaunch(const PodSpec& pod, const ContainerSpec& container,
                                   const ContainerPlace& place, const ImageStore& images);

// A program of this machine, as an ordinary user, in a pid namespace and cgroup of its own.
absl::StatusOr<Launch> ProcessLaunch(const PodSpec& pod, const ContainerSpec& container,
                                     const ContainerPlace& place);

// The steps that put it into its control groups.
void JoinGroups(const ContainerPlace& place, Script* script);

// CLONE_NEW… of a container's own, and whose pids it has.
void ChooseNamespaces(const PodSpec& pod, Launch* launch);

// The steps that take rights away, for a user with the capabilities of `mask`: those in effect are
// for root only.
absl::Status AddRights(const ContainerSpec& container, const User& user, uint64_t mask,
                       SeccompFilters* filters, Script* script);

void AddEnvironment(const std::vector<std::pair<std::string, std::string>>& env, Script* script);

// The arguments, and execve: the end of every script.
void AddArguments(const std::vector<std::string>& argv, Script* script);

}  // namespace skiff::runtime
