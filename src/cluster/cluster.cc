#include "skiff/cluster.h"

#include <unistd.h>

#include <atomic>
#include <iterator>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/api_handler.h"
#include "apiserver/http/http_server.h"
#include "apiserver/rest/server.h"
#include "base/notification.h"
#include "base/status.h"
#include "base/uv_executor.h"
#include "cluster/admin.h"
#include "cluster/api_certificates.h"
#include "cluster/api_listen.h"
#include "cluster/callback.h"
#include "cluster/control_plane.h"
#include "cluster/custom_admission.h"
#include "cluster/driven_client.h"
#include "cluster/extensions.h"
#include "cluster/gate.h"
#include "cluster/harness.h"
#include "cluster/home.h"
#include "cluster/job_result.h"
#include "cluster/kind_name.h"
#include "cluster/local_nodes.h"
#include "cluster/log_stream.h"
#include "cluster/member_group.h"
#include "cluster/members.h"
#include "cluster/objects.h"
#include "cluster/open_streams.h"
#include "cluster/subscription.h"
#include "cluster/virtual_time.h"
#include "runtime/host_check.h"
#include "store/member_note.h"
#include "store/snapshot_file.h"

namespace skiff {
namespace cluster {
namespace {

constexpr int kPoolThreads = 4;
// Of virtual time, until there is a leader and nodes are ready.
constexpr absl::Duration kMembersMeet = absl::Minutes(2);

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

absl::Status CheckMembers(const ClusterOptions& options) {
  if (options.members < 1 || options.members > 7) {
    return absl::InvalidArgumentError(
        absl::StrCat("option members: ", options.members, " is not from 1 to 7"));
  }
  if (options.members == 1) return absl::OkStatus();
  if (!options.data_dir.empty() || options.member) {
    return absl::InvalidArgumentError(
        "option members: several members in one process keep what they store in memory: leave out "
        "the data directory, or run each member as a process of its own (skiff server)");
  }
  if (options.clock == ClockKind::kReal) return absl::OkStatus();
  if (!options.listen.empty()) {
    return absl::InvalidArgumentError(
        "option listen: with several members a virtual clock stands still while an HTTP request "
        "waits for their answer; take a real clock, one member, or the calls of the library");
  }
  if (options.runtime != RuntimeKind::kFake || !options.extensions.runtimes.empty()) {
    return absl::InvalidArgumentError(
        "option members: on a virtual clock several members need the runtime fake, without "
        "runtimes of your own; take a real clock, or one member");
  }
  return absl::OkStatus();
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
  if (options.member && (options.data_dir.empty() || options.clock == ClockKind::kVirtual)) {
    return absl::InvalidArgumentError("option member: it needs a data directory, and a real clock");
  }
  if (options.clock == ClockKind::kVirtual && real) {
    return absl::InvalidArgumentError(
        "option clock: a virtual clock needs simulated pods; take the runtime fake, or one of your "
        "own");
  }
  SKIFF_RETURN_IF_ERROR(CheckMembers(options));
  if (options.clock == ClockKind::kReal && (options.permute_order || options.seed.has_value())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "option ", options.permute_order ? "permute_order" : "seed", ": it needs a virtual clock"));
  }
  for (const std::string& name : options.controllers_off) {
    const std::set<std::string>& known = controllers::ControllerManager::Names();
    if (known.contains(name)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "option controllers_off: \"", name, "\" is not one of ", absl::StrJoin(known, ", ")));
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
    SKIFF_RETURN_IF_ERROR(MakeLoops());
    SKIFF_RETURN_IF_ERROR(OpenControlPlane(std::move(plugins)));
    MakeDrivenClient();
    objects_ = std::make_unique<Objects>(client(), front_.get());
    SKIFF_RETURN_IF_ERROR(MakeRuntimeClasses(options_.extensions.runtimes, objects_.get()));
    *armed = true;
    SKIFF_RETURN_IF_ERROR(MakeControllers());
    LocalNodesOptions nodes;
    nodes.count = options_.nodes;
    nodes.runtime = options_.runtime;
    nodes.home = home_->path();
    nodes.custom_runtimes = options_.extensions.runtimes;
    if (virtual_time_ != nullptr) {
      nodes.cpu_millis = 4000;
      nodes.memory_bytes = int64_t{8} << 30;
    }
    SKIFF_ASSIGN_OR_RETURN(nodes_,
                           LocalNodes::Start(nodes, Served(), loops_.get(), sink_, &metrics_));
    MakeHarness();
    SKIFF_RETURN_IF_ERROR(Listen());
    const bool settles = group_ != nullptr && virtual_time_ != nullptr;
    if (settles) {
      StartControllers();  // They settle, too.
      SKIFF_RETURN_IF_ERROR(harness_->Settle(kMembersMeet));
      SKIFF_RETURN_IF_ERROR(AwaitNodes());
    }
    for (const std::string& name : nodes_->names()) {
      for (const char* condition : {"create", "condition=Ready"}) {
        SKIFF_RETURN_IF_ERROR(objects_->Wait({"nodes", "", name}, condition, absl::Seconds(30)));
      }
    }
    if (!settles) StartControllers();
    return absl::OkStatus();
  }

  absl::Status Close(bool stop_pods) override {
    if (InCallback()) {
      return absl::FailedPreconditionError("a callback of the cluster must not close it");
    }
    if (!gate_.Shut()) return absl::OkStatus();
    const absl::Status closed = Closed();
    if (objects_ != nullptr) objects_->EndWaits(closed);
    if (harness_ != nullptr) harness_->EndWaits();
    EndCalls(closed);
    gate_.AwaitEmpty();
    streams_.EndAll(closed);
    admin_.reset();
    if (http_ != nullptr) http_->Close();
    StopControllers();
    absl::Status result;
    if (nodes_ != nullptr) result = nodes_->Stop(stop_pods);
    if (control_plane_ != nullptr) control_plane_->Stop();
    if (group_ != nullptr) group_->Stop();
    if (api_loop_ != nullptr) api_loop_->Stop();
    http_.reset();
    handlers_.clear();
    harness_.reset();
    nodes_.reset();
    if (hosted_loop_ != nullptr) hosted_loop_->Stop();
    if (front_ != nullptr) front_->Stop();
    if (members_loop_ != nullptr) members_loop_->Stop();
    if (admin_loop_ != nullptr) admin_loop_->Stop();
    members_.reset();
    control_plane_.reset();
    group_.reset();
    members_loop_.reset();
    paced_time_.reset();
    controllers_.reset();
    hosted_loop_.reset();
    front_.reset();
    loops_.reset();
    home_.reset();
    // It is closed all the same.
    return absl::IsFailedPrecondition(result) ? absl::InternalError(result.message()) : result;
  }

  std::string url() const override { return url_; }

  std::string kubeconfig() const override {
    return Kubeconfig(url_, certificates_ ? &*certificates_ : nullptr);
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
    return Inside([&] { return Told(objects_->Wait(object, condition, timeout)); });
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
            Subscribe(client(), front_.get(), *resource, std::move(options), std::move(on_event),
                      std::move(end)));
      });
    });
  }
  absl::StatusOr<std::unique_ptr<Subscription>> FollowLogs(
      const LogQuery& query, std::function<void(std::string)> on_data,
      std::function<void(absl::Status)> on_end) override;
  absl::StatusOr<std::string> Logs(const LogQuery& query) override;
  absl::StatusOr<JobResult> WaitJob(const ObjectRef& job, absl::Duration timeout) override;

  absl::Time Now() const override {
    const Gate::Pass pass(&gate_);
    const bool is_virtual = virtual_time_ != nullptr && pass.entered();
    return is_virtual ? virtual_time_->clock().Now() : SystemClock().Now();
  }
  uint64_t seed() const override { return seed_; }
  absl::Status Advance(absl::Duration duration) override {
    return Inside([&] { return harness_->Advance(duration); });
  }
  absl::Status Settle(absl::Duration timeout) override {
    return Inside([&] { return harness_->Settle(timeout); });
  }
  absl::Status AssertIdle(absl::Duration span) override {
    return Inside([&] { return harness_->AssertIdle(span); });
  }
  absl::Status InjectFault(const Fault& fault) override {
    return Inside([&] { return harness_->InjectFault(fault); });
  }
  absl::StatusOr<std::shared_ptr<const SavedCluster>> Save() override {
    return Inside([&] { return harness_->Save(); });
  }
  absl::Status Restore(const std::shared_ptr<const SavedCluster>& saved) override {
    return Inside([&] { return harness_->Restore(saved); });
  }
  absl::StatusOr<std::vector<MemberInfo>> Members() override {
    return Inside([&] { return members_->List(); });
  }
  absl::StatusOr<std::string> AddMember(const std::string& name,
                                        const std::string& address) override {
    return ChangeMembers([&] { return members_->Add(name, address); });
  }
  absl::Status PromoteMember(const std::string& name) override {
    return ChangeMembers([&] { return members_->Promote(name); });
  }
  absl::Status RemoveMember(const std::string& name) override {
    return ChangeMembers([&] { return members_->Remove(name); });
  }
  absl::Status LeadMember(const std::string& name) override {
    return Inside([&] { return members_->Lead(name); });
  }
  absl::StatusOr<SnapshotInfo> SaveSnapshot(const std::string& path) override {
    return Inside([&] { return members_->SaveSnapshot(path); });
  }
  absl::StatusOr<std::string> Inspect() override {
    return Inside([&]() -> absl::StatusOr<std::string> { return harness_->Inspect(); });
  }

 private:
  // Those that wait for a slow disk, or for members of whom no majority answers.
  void EndCalls(const absl::Status& why) {
    if (control_plane_ != nullptr) control_plane_->store().EndDelays(why);
    if (group_ != nullptr) group_->Run([&] { group_->EndCalls(why); });
  }
  static absl::Status Closed() { return absl::UnavailableError("the cluster is closed"); }

  // Where closing would wait for itself.
  bool InCallback() const {
    return (front_ != nullptr && front_->InLoop()) || CallbackScope::InOne() ||
           CustomController::Calling(objects_.get());
  }

  // Every call of the host goes through here: one that comes once Close has begun is turned away,
  // and Close waits for those that came before.
  template <typename Call>
  auto Inside(Call call) -> decltype(call()) {
    const Gate::Pass pass(&gate_);
    if (!pass.entered()) return Closed();
    if (front_->InLoop() || CallbackScope::InOne()) {  // Where it would wait for itself.
      return absl::InvalidArgumentError("a callback of the cluster must not call it");
    }
    return call();
  }

  absl::Status OpenControlPlane(apiserver::AdmissionPlugins plugins) {
    if (options_.members > 1) {
      VirtualTime* const time = virtual_time_ != nullptr ? virtual_time_ : paced_time_.get();
      MemberGroupOptions group;
      group.count = options_.members;
      group.controllers_off = options_.controllers_off;
      group.plugins = std::move(plugins);
      SKIFF_ASSIGN_OR_RETURN(group_, MemberGroup::Open(std::move(group), time, sink_, &metrics_));
      members_ = std::make_unique<cluster::Members>(group_.get(), time);
      return absl::OkStatus();
    }
    ControlPlaneOptions plane;
    if (!options_.data_dir.empty()) {
      plane.store_dir = StoreOf(home_->path());
      SKIFF_RETURN_IF_ERROR(CheckDirectory(home_->path(), options_.member.has_value()));
    }
    plane.faults = &faults_;
    SKIFF_RETURN_IF_ERROR(Meet(&plane));
    plane.controllers_off = options_.controllers_off;
    plane.plugins = std::move(plugins);
    SKIFF_ASSIGN_OR_RETURN(control_plane_,
                           ControlPlane::Open(std::move(plane), loops_.get(), sink_, &metrics_));
    return Administer();
  }
  // What the host's calls go through on a virtual clock; and all that is not of the members' thread
  // where they have one in real time.
  void MakeDrivenClient() {
    if (paced_time_ == nullptr) {
      driven_ = std::make_unique<DrivenClient>(Served(), front_.get(), virtual_time_);
    } else {
      members_loop_ = paced_time_->New("skiff-members");
      driven_ = std::make_unique<DrivenClient>(group_->client(), members_loop_.get());
    }
  }
  // What all clients in the process use.
  client::Client* Served() const {
    if (paced_time_ != nullptr) return driven_.get();
    if (group_ != nullptr) return group_->client();
    return &control_plane_->server();
  }
  // With several members nodes take virtual time to be ready.
  absl::Status AwaitNodes() {
    for (absl::Duration passed;; passed += absl::Seconds(1)) {
      absl::Status ready;
      for (const std::string& name : nodes_->names()) {
        ready.Update(objects_->Wait({"nodes", "", name}, "condition=Ready", absl::ZeroDuration()));
      }
      if (ready.ok() || passed >= kMembersMeet) return harness_->Seeded(ready);
      SKIFF_RETURN_IF_ERROR(harness_->Advance(absl::Seconds(1)));
    }
  }

  template <typename Call>
  auto ChangeMembers(Call call) -> decltype(call()) {
    return Inside([&]() -> decltype(call()) {
      if (group_ == nullptr) return call();
      return absl::FailedPreconditionError(
          "the members of this control plane are simulated: they stay who they are; open a cluster "
          "with another number of members");
    });
  }

  // One member of several learns who it is, and listens for the others.
  absl::Status Meet(ControlPlaneOptions* plane) {
    if (!options_.member) return absl::OkStatus();
    SKIFF_ASSIGN_OR_RETURN(identity_,
                           IdentifyMember(*options_.member, home_->path(), SystemClock().Now(),
                                          Logger(sink_, "members")));
    plane->meet = [this](Loop* loop) {
      return MeetMembers(*identity_, options_.member->listen, loop->uv(), loops_->pool(),
                         Logger(sink_, "members"), &metrics_);
    };
    return absl::OkStatus();
  }
  absl::Status Administer() {
    if (identity_) SKIFF_RETURN_IF_ERROR(BeginLife(&*identity_, home_->path()));
    members_ =
        std::make_unique<cluster::Members>(identity_, &control_plane_->store(), &loops_->clock());
    if (!identity_) return absl::OkStatus();
    admin_loop_ = std::make_unique<UvExecutor>("skiff-admin");
    admin_ = std::make_unique<Admin>(members_.get(), admin_loop_.get());
    return admin_->Listen(home_->path());
  }

  bool Restorable() const {
    return options_.data_dir.empty() && options_.runtime == RuntimeKind::kFake &&
           options_.extensions.runtimes.empty();
  }

  // The host's calls take their place in virtual time; in real time they need none.
  client::Client* client() {
    if (virtual_time_ != nullptr) return driven_.get();
    return Served();
  }

  absl::Status Told(absl::Status status) const {
    return absl::IsDeadlineExceeded(status) ? harness_->Seeded(std::move(status)) : status;
  }

  absl::Status MakeLoops() {
    if (options_.clock == ClockKind::kVirtual) {
      seed_ = options_.seed.has_value() ? *options_.seed : Rng::FromSystem().Next();
      auto time = std::make_unique<VirtualTime>(seed_, options_.permute_order);
      virtual_time_ = time.get();
      loops_ = std::move(time);
    } else {
      SKIFF_RETURN_IF_ERROR(CheckDescriptors());
      loops_ = std::make_unique<ThreadLoops>(kPoolThreads);
      if (options_.members > 1) {
        paced_time_ = std::make_unique<VirtualTime>(Rng::FromSystem().Next(), /*permute=*/false,
                                                    /*paced=*/true);
      }
    }
    front_ = loops_->New("skiff-front");
    return absl::OkStatus();
  }

  absl::Status MakeControllers() {
    controllers_.reset();
    ControllerPlace place;
    if (virtual_time_ != nullptr) {
      hosted_loop_ = loops_->New("skiff-custom");
      place = {hosted_loop_.get(), loops_->pool()};
    }
    SKIFF_ASSIGN_OR_RETURN(controllers_,
                           HostedControllers::Make(options_.extensions.controllers, Served(),
                                                   objects_.get(), sink_, &metrics_, place));
    return absl::OkStatus();
  }
  // Where they have no loop of their own, the driver is their thread.
  void OnDriver(absl::FunctionRef<void()> task) {
    if (virtual_time_ == nullptr) return task();
    virtual_time_->Run(task);
  }
  void StartControllers() {
    OnDriver([this] { controllers_->Start(); });
  }
  void StopControllers() {
    if (controllers_ == nullptr) return;
    OnDriver([this] { controllers_->Stop(); });
  }

  void MakeHarness() {
    Harness::Parts parts;
    parts.control_plane = control_plane_.get();
    parts.members = group_.get();
    parts.faults = group_ != nullptr ? &group_->write_faults() : &faults_;
    parts.nodes = nodes_.get();
    parts.hosted = &controllers_;
    parts.stop_hosted = [this] { StopControllers(); };
    parts.host_again = [this] {
      SKIFF_RETURN_IF_ERROR(MakeControllers());
      StartControllers();
      return absl::OkStatus();
    };
    parts.virtual_time = virtual_time_;
    parts.front = front_.get();
    parts.seed = seed_;
    parts.restorable = Restorable();
    harness_ = std::make_unique<Harness>(std::move(parts));
  }

  absl::Status Listen() {
    if (options_.listen.empty()) return absl::OkStatus();
    SKIFF_ASSIGN_OR_RETURN(const ListenAddress where, ParseListen(options_.listen));
    SKIFF_ASSIGN_OR_RETURN(const std::optional<TlsContext> tls, ApiTls(where));
    SKIFF_ASSIGN_OR_RETURN(access_, ApiAccess());
    api_loop_ = std::make_unique<UvExecutor>("skiff-api");
    http_ = std::make_unique<apiserver::http::HttpServer>(
        api_loop_.get(), apiserver::http::ConnectionLimits(),
        [this](std::shared_ptr<apiserver::http::Exchange> exchange) {
          if (handlers_.empty()) {
            return apiserver::http::SendError(*exchange, UnreachableMembers());
          }
          handlers_.begin()->second->Handle(std::move(exchange));
        },
        tls);
    const absl::StatusOr<std::string> address = http_->Listen(where.address);
    if (absl::IsAlreadyExists(address.status())) {  // As bind(2) has it: no object is meant.
      return absl::FailedPreconditionError(address.status().message());
    }
    SKIFF_RETURN_IF_ERROR(address.status());
    url_ = absl::StrCat(tls ? "https://" : "http://", *address);
    if (group_ == nullptr) {
      ServeMember(*address, 0, &control_plane_->server());
    } else {
      group_->Run([&] {
        group_->OnReach([this, address = *address](int member, apiserver::Server* server) {
          ServeMember(address, member, server);
        });
      });
    }
    return absl::OkStatus();
  }
  // None: it speaks in the clear.
  absl::StatusOr<std::optional<TlsContext>> ApiTls(const ListenAddress& where) {
    if (where.in_the_clear) return std::nullopt;
    SKIFF_ASSIGN_OR_RETURN(
        const TlsIdentity authority,
        identity_ ? ApiAuthorityOfMembers(identity_->authority) : ApiAuthority(home_->path()));
    SKIFF_ASSIGN_OR_RETURN(certificates_,
                           MakeApiCertificates(authority, where.host, SystemClock().Now()));
    TlsOptions options;
    options.identity = certificates_->server;
    options.authorities_pem = certificates_->authority_pem;
    options.peer = TlsOptions::Peer::kOptional;
    options.allow_1_2 = true;
    options.protocols = {apiserver::http::kHttp2, apiserver::http::kHttp1};
    return TlsContext::Make(options);
  }
  absl::StatusOr<std::shared_ptr<const apiserver::http::Access>> ApiAccess() {
    auto access = std::make_shared<apiserver::http::Access>();
    if (!options_.token_auth_file.empty()) {
      SKIFF_ASSIGN_OR_RETURN(access->authenticator, ReadTokens(options_.token_auth_file));
    }
    return access;
  }
  // Null: it can be reached no more.
  void ServeMember(const std::string& address, int member, apiserver::Server* server) {
    RunOn(api_loop_.get(), [&] {
      handlers_.erase(member);
      if (server == nullptr) return;
      auto handler = std::make_unique<apiserver::http::ApiHandler>(
          server, api_loop_.get(), nodes_.get(), &metrics_, access_);
      handler->SetAddress(address);
      handlers_[member] = std::move(handler);
    });
  }

  const ClusterOptions options_;
  const std::shared_ptr<LogSink> sink_;
  Metrics metrics_;
  std::unique_ptr<Home> home_;
  std::unique_ptr<Loops> loops_;
  VirtualTime* virtual_time_ = nullptr;  // The same; null in real time.
  // Of several members in real time, which share a thread.
  std::unique_ptr<VirtualTime> paced_time_;
  std::unique_ptr<Loop> members_loop_;  // From which they are called.
  uint64_t seed_ = 0;
  std::unique_ptr<Loop> front_;             // Answers to the host's calls, its watches and streams.
  WriteFaults faults_;                      // Of the only member here.
  std::optional<MemberIdentity> identity_;  // Of one member of several.
  std::unique_ptr<ControlPlane> control_plane_;
  std::unique_ptr<MemberGroup> group_;  // Instead of that, if there are several here.
  std::unique_ptr<cluster::Members> members_;
  std::unique_ptr<UvExecutor> admin_loop_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<DrivenClient> driven_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<Loop> hosted_loop_;  // In virtual time.
  std::unique_ptr<HostedControllers> controllers_;
  std::unique_ptr<LocalNodes> nodes_;
  std::unique_ptr<Harness> harness_;
  std::unique_ptr<UvExecutor> api_loop_;
  std::map<int, std::unique_ptr<apiserver::http::ApiHandler>> handlers_;  // By member; its loop's.
  std::unique_ptr<apiserver::http::HttpServer> http_;
  std::optional<ApiCertificates> certificates_;  // If it serves with TLS.
  std::shared_ptr<const apiserver::http::Access> access_;
  std::string url_;
  OpenStreams streams_;
  mutable Gate gate_;
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
  return Inside([&]() -> absl::StatusOr<JobResult> {
    auto result = WaitForJob(*objects_, job, timeout);
    if (!result.ok()) return Told(result.status());
    return result;
  });
}

}  // namespace
}  // namespace cluster

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Open(ClusterOptions options) {
  auto opened = std::make_unique<cluster::LocalCluster>(std::move(options));
  SKIFF_RETURN_IF_ERROR(opened->Start());
  return opened;
}

absl::StatusOr<SnapshotInfo> Cluster::SaveOffline(const std::string& data_dir,
                                                  const std::string& path) {
  SKIFF_ASSIGN_OR_RETURN(const store::SnapshotSummary saved,
                         store::SaveOffline(cluster::StoreOf(data_dir), path));
  return SnapshotInfo{saved.revision, saved.objects, saved.bytes};
}

absl::StatusOr<SnapshotInfo> Cluster::RestoreSnapshot(const std::string& path,
                                                      const std::string& data_dir,
                                                      const std::optional<MemberOptions>& member) {
  if (data_dir.empty()) {
    return absl::InvalidArgumentError("data_dir: name the new directory that is to hold it");
  }
  if (cluster::HasStore(data_dir)) {
    return absl::FailedPreconditionError(
        absl::StrCat(data_dir, " is not empty: restore into a new data directory"));
  }
  raft::MemberId id = 1;
  std::string note;
  std::optional<cluster::MemberIdentity> identity;
  if (member && !member->token.empty()) {
    return absl::InvalidArgumentError(
        "the member's token: a restored cluster is a new one, which its first member does not "
        "join");
  }
  SKIFF_RETURN_IF_ERROR(store::VerifySnapshot(path).status());  // Before anything is made.
  if (member) {
    SKIFF_ASSIGN_OR_RETURN(
        identity, cluster::IdentifyMember(*member, data_dir, SystemClock().Now(), Logger()));
    id = identity->id;
    note = store::MemberNote(identity->name, identity->address);
  }
  SKIFF_ASSIGN_OR_RETURN(const store::SnapshotSummary restored,
                         store::RestoreSnapshot(path, cluster::StoreOf(data_dir), id, note));
  if (identity) SKIFF_RETURN_IF_ERROR(cluster::BeginLife(&*identity, data_dir));
  return SnapshotInfo{restored.revision, restored.objects, restored.bytes};
}

std::vector<HostCheck> CheckHost() {
  std::vector<HostCheck> out;
  for (const runtime::CheckResult& check : runtime::CheckHost()) {
    out.push_back({check.name, check.ok, check.detail, check.remedy});
  }
  return out;
}

}  // namespace skiff
