#include "skiff/cluster.h"

#include <unistd.h>

#include <atomic>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "apiserver/http/api_handler.h"
#include "apiserver/http/http_server.h"
#include "apiserver/rest/server.h"
#include "base/notification.h"
#include "base/status.h"
#include "base/uv_executor.h"
#include "cluster/callback.h"
#include "cluster/control_plane.h"
#include "cluster/custom_admission.h"
#include "cluster/extensions.h"
#include "cluster/gate.h"
#include "cluster/home.h"
#include "cluster/job_result.h"
#include "cluster/kind_name.h"
#include "cluster/local_nodes.h"
#include "cluster/log_stream.h"
#include "cluster/objects.h"
#include "cluster/open_streams.h"
#include "cluster/subscription.h"
#include "runtime/host_check.h"

namespace skiff {
namespace cluster {
namespace {

constexpr int kPoolThreads = 4;

std::shared_ptr<LogSink> SinkFor(LogVerbosity verbosity) {
  switch (verbosity) {
    case LogVerbosity::kSilent:
      return nullptr;
    case LogVerbosity::kError:
      return StderrSink(LogLevel::kError);
    case LogVerbosity::kWarning:
      return StderrSink(LogLevel::kWarning);
    case LogVerbosity::kInfo:
      return StderrSink(LogLevel::kInfo);
    case LogVerbosity::kDebug:
      return StderrSink(LogLevel::kDebug);
  }
  return nullptr;
}

absl::Status CheckOptions(const ClusterOptions& options) {
  if (options.nodes < 0 || options.nodes > 1000) {
    return absl::InvalidArgumentError(
        absl::StrCat("option nodes: ", options.nodes, " is not from 0 to 1000"));
  }
  const bool real =
      options.runtime == RuntimeKind::kLinux || options.runtime == RuntimeKind::kProcess;
  if (options.nodes > 0 && real && geteuid() != 0) {
    return absl::PermissionDeniedError(
        "running real pods needs root: run as root, choose the fake runtime, or take 0 nodes");
  }
  if (options.runtime == RuntimeKind::kCustom && options.extensions.runtimes.empty()) {
    return absl::InvalidArgumentError(
        "option runtime: it is to be a custom one, but extensions.runtimes is empty");
  }
  return CheckRuntimes(options.extensions.runtimes);
}

class LocalCluster final : public Cluster {
 public:
  explicit LocalCluster(ClusterOptions options)
      : options_(std::move(options)), sink_(SinkFor(options_.verbosity)) {}
  ~LocalCluster() override {
    Close(/*stop_pods=*/home_ != nullptr && home_->temporary()).IgnoreError();
  }

  absl::Status Start() {
    SKIFF_RETURN_IF_ERROR(CheckOptions(options_));
    const auto armed = std::make_shared<std::atomic<bool>>(false);
    SKIFF_ASSIGN_OR_RETURN(apiserver::AdmissionPlugins hooks,
                           HostedAdmission(options_.extensions.admission, armed));
    apiserver::AdmissionPlugins plugins = apiserver::DefaultAdmission();
    std::move(hooks.begin(), hooks.end(), std::back_inserter(plugins));
    SKIFF_ASSIGN_OR_RETURN(home_, Home::Open(options_.data_dir));
    pool_ = std::make_unique<ThreadPool>(kPoolThreads);
    front_ = std::make_unique<UvExecutor>("skiff-front");
    SKIFF_ASSIGN_OR_RETURN(
        control_plane_,
        ControlPlane::Open(options_.data_dir.empty() ? "" : home_->path() + "/store", pool_.get(),
                           sink_, &metrics_, std::move(plugins)));
    objects_ = std::make_unique<Objects>(&control_plane_->server(), front_.get());
    SKIFF_RETURN_IF_ERROR(MakeRuntimeClasses(options_.extensions.runtimes, objects_.get()));
    *armed = true;
    SKIFF_ASSIGN_OR_RETURN(controllers_, HostedControllers::Make(options_.extensions.controllers,
                                                                 &control_plane_->server(),
                                                                 objects_.get(), sink_, &metrics_));
    LocalNodesOptions nodes;
    nodes.count = options_.nodes;
    nodes.runtime = options_.runtime;
    nodes.home = home_->path();
    nodes.custom_runtimes = options_.extensions.runtimes;
    SKIFF_ASSIGN_OR_RETURN(
        nodes_, LocalNodes::Start(nodes, &control_plane_->server(), pool_.get(), sink_, &metrics_));
    SKIFF_RETURN_IF_ERROR(Listen());
    for (const std::string& name : nodes_->names()) {
      for (const char* condition : {"create", "condition=Ready"}) {
        SKIFF_RETURN_IF_ERROR(objects_->Wait({"nodes", "", name}, condition, absl::Seconds(30)));
      }
    }
    controllers_->Start();
    return absl::OkStatus();
  }

  absl::Status Close(bool stop_pods) override {
    if (!gate_.Shut()) return absl::OkStatus();
    const absl::Status closed = Closed();
    if (objects_ != nullptr) objects_->EndWaits(closed);
    gate_.AwaitEmpty();
    streams_.EndAll(closed);
    if (http_ != nullptr) http_->Close();
    if (controllers_ != nullptr) controllers_->Stop();
    absl::Status result;
    if (nodes_ != nullptr) result = nodes_->Stop(stop_pods);
    if (control_plane_ != nullptr) control_plane_->Stop();
    if (api_loop_ != nullptr) api_loop_->Stop();
    http_.reset();
    handler_.reset();
    nodes_.reset();
    if (front_ != nullptr) front_->Stop();
    pool_.reset();
    control_plane_.reset();
    controllers_.reset();
    home_.reset();
    return result;
  }

  std::string url() const override { return url_; }

  std::string kubeconfig() const override {
    return absl::StrCat(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: skiff\n  cluster:\n    server: ", url_,
        "\ncontexts:\n- name: skiff\n  context:\n    cluster: skiff\n    user: skiff\n"
        "current-context: skiff\nusers:\n- name: skiff\n  user: {}\n");
  }

  absl::StatusOr<std::vector<std::string>> LoadImage(const std::string& path) override {
    return Inside([&]() -> absl::StatusOr<std::vector<std::string>> {
      SKIFF_ASSIGN_OR_RETURN(const std::vector<runtime::Image> loaded,
                             nodes_->images()->Load(path));
      std::vector<std::string> out;
      for (const runtime::Image& image : loaded) {
        out.insert(out.end(), image.references.begin(), image.references.end());
      }
      return out;
    });
  }

  absl::StatusOr<std::vector<Applied>> Apply(const std::string& manifest,
                                             const std::string& name_space) override {
    return Inside([&] { return objects_->Apply(manifest, name_space); });
  }
  absl::StatusOr<std::string> Create(const std::string& manifest,
                                     const std::string& name_space) override {
    return Inside([&] { return objects_->Create(manifest, name_space); });
  }
  absl::StatusOr<std::string> Get(const ObjectRef& object) override {
    return Inside([&]() -> absl::StatusOr<std::string> {
      SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr found, objects_->Get(object));
      return *found->Json();
    });
  }
  absl::StatusOr<std::string> List(const ListQuery& query) override {
    return Inside([&] { return objects_->ListJson(query); });
  }
  absl::Status Delete(const ObjectRef& object, std::optional<int64_t> grace) override {
    return Inside([&] { return objects_->Delete(object, grace); });
  }
  absl::Status Wait(const ObjectRef& object, const std::string& condition,
                    absl::Duration timeout) override {
    return Inside([&] { return objects_->Wait(object, condition, timeout); });
  }
  absl::StatusOr<std::unique_ptr<Subscription>> Watch(
      const ListQuery& query, std::function<void(WatchEvent)> on_event,
      std::function<void(absl::Status)> on_end) override {
    return Inside([&]() -> absl::StatusOr<std::unique_ptr<Subscription>> {
      SKIFF_ASSIGN_OR_RETURN(const api::ResourceInfo* resource, ResolveKind(query.kind));
      SKIFF_RETURN_IF_ERROR(CheckSelectors(query, *resource));
      client::ListOptions options;
      if (resource->namespaced) options.name_space = query.name_space;
      options.label_selector = query.label_selector;
      options.field_selector = query.field_selector;
      return streams_.Open(std::move(on_end), [&](OpenStreams::OnEnd end) {
        return absl::StatusOr<std::unique_ptr<Subscription>>(
            Subscribe(&control_plane_->server(), front_.get(), *resource, std::move(options),
                      std::move(on_event), std::move(end)));
      });
    });
  }
  absl::StatusOr<std::unique_ptr<Subscription>> FollowLogs(
      const LogQuery& query, std::function<void(std::string)> on_data,
      std::function<void(absl::Status)> on_end) override;
  absl::StatusOr<std::string> Logs(const LogQuery& query) override;
  absl::StatusOr<JobResult> WaitJob(const ObjectRef& job, absl::Duration timeout) override;

 private:
  static absl::Status Closed() { return absl::UnavailableError("the cluster is closed"); }

  // Every call of the host goes through here: one that comes once Close has begun is turned away,
  // and Close waits for those that came before.
  template <typename Call>
  auto Inside(Call call) -> decltype(call()) {
    if (front_->InLoop() || CallbackScope::InOne()) {  // Where it would wait for itself.
      return absl::InvalidArgumentError("a callback of the cluster must not call it");
    }
    const Gate::Pass pass(&gate_);
    if (!pass.entered()) return Closed();
    return call();
  }

  absl::Status Listen() {
    if (options_.listen.empty()) return absl::OkStatus();
    api_loop_ = std::make_unique<UvExecutor>("skiff-api");
    handler_ = std::make_unique<apiserver::http::ApiHandler>(
        &control_plane_->server(), api_loop_.get(), nodes_.get(), &metrics_);
    http_ = std::make_unique<apiserver::http::HttpServer>(
        api_loop_.get(), apiserver::http::ConnectionLimits(),
        [this](std::shared_ptr<apiserver::http::Exchange> exchange) {
          handler_->Handle(std::move(exchange));
        });
    const absl::StatusOr<std::string> address = http_->Listen(options_.listen);
    if (absl::IsAlreadyExists(address.status())) {  // As bind(2) has it: no object is meant.
      return absl::FailedPreconditionError(address.status().message());
    }
    SKIFF_RETURN_IF_ERROR(address.status());
    handler_->SetAddress(*address);
    url_ = absl::StrCat("http://", *address);
    return absl::OkStatus();
  }

  const ClusterOptions options_;
  const std::shared_ptr<LogSink> sink_;
  Metrics metrics_;
  std::unique_ptr<Home> home_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<UvExecutor> front_;  // Answers to the host's calls, its watches and streams.
  std::unique_ptr<ControlPlane> control_plane_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<HostedControllers> controllers_;
  std::unique_ptr<LocalNodes> nodes_;
  std::unique_ptr<UvExecutor> api_loop_;
  std::unique_ptr<apiserver::http::ApiHandler> handler_;
  std::unique_ptr<apiserver::http::HttpServer> http_;
  std::string url_;
  OpenStreams streams_;
  Gate gate_;
};

absl::StatusOr<std::unique_ptr<Subscription>> LocalCluster::FollowLogs(
    const LogQuery& query, std::function<void(std::string)> on_data,
    std::function<void(absl::Status)> on_end) {
  return Inside([&] {
    return streams_.Open(std::move(on_end), [&](OpenStreams::OnEnd end) {
      return StartLogs(*objects_, nodes_.get(), front_.get(), query, std::move(on_data),
                       std::move(end));
    });
  });
}

absl::StatusOr<std::string> LocalCluster::Logs(const LogQuery& query) {
  LogQuery once = query;
  once.follow = false;
  struct State {
    Notification ended;
    std::string data;
    absl::Status status;
  } state;
  return Inside([&]() -> absl::StatusOr<std::string> {
    SKIFF_ASSIGN_OR_RETURN(const auto stream, StartLogs(
                                                  *objects_, nodes_.get(), front_.get(), once,
                                                  [&](std::string data) { state.data += data; },
                                                  [&](absl::Status status) {
                                                    state.status = std::move(status);
                                                    state.ended.Notify();
                                                  }));
    state.ended.WaitForNotification();
    SKIFF_RETURN_IF_ERROR(state.status);
    return std::move(state.data);
  });
}

absl::StatusOr<JobResult> LocalCluster::WaitJob(const ObjectRef& job, absl::Duration timeout) {
  return Inside([&] { return WaitForJob(*objects_, job, timeout); });
}

}  // namespace
}  // namespace cluster

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Open(ClusterOptions options) {
  auto opened = std::make_unique<cluster::LocalCluster>(std::move(options));
  SKIFF_RETURN_IF_ERROR(opened->Start());
  return opened;
}

std::vector<HostCheck> CheckHost() {
  std::vector<HostCheck> out;
  for (const runtime::CheckResult& check : runtime::CheckHost()) {
    out.push_back({check.name, check.ok, check.detail, check.remedy});
  }
  return out;
}

}  // namespace skiff
