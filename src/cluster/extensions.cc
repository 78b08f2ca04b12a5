#include "cluster/extensions.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "base/status.h"
#include "cluster/control_plane.h"

namespace skiff::cluster {
namespace {

// RFC 1123 section 2.1, as Kubernetes has names of objects that are parts of others.
bool IsDnsLabel(const std::string& name) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 63 && is_alphanumeric(name.front()) &&
         is_alphanumeric(name.back()) && std::all_of(name.begin(), name.end(), [&](char c) {
           return is_alphanumeric(c) || c == '-';
         });
}

}  // namespace

absl::Status CheckRuntimes(const std::vector<CustomRuntime>& runtimes) {
  std::set<std::string> names = {"linux", "process", "fake"};
  for (const CustomRuntime& runtime : runtimes) {
    const std::string what = absl::StrCat("runtime \"", runtime.name, "\"");
    if (!IsDnsLabel(runtime.name)) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": its name must be a DNS label, as \"my-vm\""));
    }
    if (!names.insert(runtime.name).second) {
      return absl::InvalidArgumentError(absl::StrCat(what, ": there is one of that name"));
    }
    if (!runtime.start || !runtime.stop) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": it needs callbacks for both start and stop"));
    }
  }
  return absl::OkStatus();
}

absl::Status MakeRuntimeClasses(const std::vector<CustomRuntime>& runtimes, Objects* objects) {
  for (const CustomRuntime& runtime : runtimes) {
    const std::string name = api::JsonString(runtime.name);
    const absl::Status made =
        objects
            ->Create(absl::StrCat("{\"apiVersion\":\"node.k8s.io/v1\",\"kind\":\"RuntimeClass\","
                                  "\"metadata\":{\"name\":",
                                  name, "},\"handler\":", name, "}"),
                     "")
            .status();
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<HostedControllers>> HostedControllers::Make(
    const std::vector<Controller>& controllers, client::Client* client, Objects* objects,
    std::shared_ptr<LogSink> sink, Metrics* metrics, ControllerPlace place) {
  std::vector<CustomController::Definition> checked;
  std::set<std::string> names;
  for (const Controller& controller : controllers) {
    SKIFF_ASSIGN_OR_RETURN(CustomController::Definition definition,
                           CustomController::Check(controller));
    if (!names.insert(controller.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("controller \"", controller.name, "\": there are two of that name"));
    }
    checked.push_back(std::move(definition));
  }
  std::unique_ptr<HostedControllers> out(new HostedControllers());
  if (checked.empty()) return out;
  out->loop_ = place.loop;
  if (out->loop_ == nullptr) {
    out->own_loop_ = std::make_unique<UvExecutor>("skiff-custom");
    out->loop_ = out->own_loop_.get();
  }
  for (CustomController::Definition& definition : checked) {
    WorkPool* worker = place.worker;
    if (worker == nullptr) {
      out->own_workers_.push_back(std::make_unique<ThreadPool>(1));
      worker = out->own_workers_.back().get();
    }
    const Logger logger(sink, definition.controller.name);
    out->controllers_.push_back(
        std::make_unique<CustomController>(std::move(definition), client, out->loop_, worker,
                                           objects, &out->closing_, &out->calls_, logger, metrics));
  }
  return out;
}

HostedControllers::~HostedControllers() { Stop(); }

void HostedControllers::OnLoop(absl::FunctionRef<void()> task) {
  if (loop_ == nullptr) return;  // There are none.
  if (loop_->InLoop()) return task();
  RunOn(loop_, task);
}

void HostedControllers::Start() {
  OnLoop([this] {
    for (const auto& controller : controllers_) controller->Start();
  });
}

void HostedControllers::Stop() {
  if (closing_.exchange(true)) return;
  OnLoop([this] {
    for (const auto& controller : controllers_) controller->Stop();
  });
  calls_.Shut();
  calls_.AwaitEmpty();
  own_workers_.clear();
  if (own_loop_ != nullptr) own_loop_->Stop();
}

bool HostedControllers::Settled(absl::Duration within) const {
  return std::all_of(controllers_.begin(), controllers_.end(),
                     [&](const auto& each) { return each->Settled(within); });
}

absl::Time HostedControllers::NextWake() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& controller : controllers_) next = std::min(next, controller->NextWake());
  return next;
}

}  // namespace skiff::cluster
