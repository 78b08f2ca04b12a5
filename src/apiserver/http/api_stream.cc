// ApiHandler's answers that go on: watches and logs.
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/codec.h"
#include "api/errors.h"
#include "api/json_value.h"
#include "api/time.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/api_handler.h"
#include "apiserver/http/table.h"
#include "base/big_endian.h"
#include "base/status.h"

namespace skiff::apiserver::http {
namespace {

constexpr int64_t kDefaultWatchSeconds = 1800;
// A client that asks for it learns so often how far it has come, even where nothing happens to what
// it watches.
constexpr absl::Duration kBookmarkPeriod = absl::Minutes(1);
// A log comes as fast as the node reads it, which may be faster than the client does.
constexpr size_t kQueuedLogBytes = 64 << 20;

using Pieces = std::vector<std::shared_ptr<const std::string>>;

std::shared_ptr<const std::string> Shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

const char* TypeName(client::EventType type) {
  switch (type) {
    case client::EventType::kAdded:
      return "ADDED";
    case client::EventType::kModified:
      return "MODIFIED";
    case client::EventType::kDeleted:
      return "DELETED";
    case client::EventType::kBookmark:
      return "BOOKMARK";
  }
  return "";
}

struct WatchQuery {
  client::WatchOptions options;
  Format format;
  bool bookmarks = false;
  bool initial_bookmark = false;
  int64_t timeout_seconds = kDefaultWatchSeconds;
  IncludeObject include = IncludeObject::kMetadata;
};

absl::StatusOr<WatchQuery> ReadWatchQuery(const Request& request) {
  WatchQuery out;
  Offer offer;
  offer.yaml = false;
  offer.table = offer.partial = true;
  SKIFF_ASSIGN_OR_RETURN(out.format, Negotiate(request.Header("accept"), offer));
  out.options.label_selector = std::string(request.Query("labelSelector"));
  out.options.field_selector = std::string(request.Query("fieldSelector"));
  out.bookmarks = request.Query("allowWatchBookmarks") == "true";
  const bool initial = request.Query("sendInitialEvents") == "true";
  if (initial && request.Query("resourceVersionMatch") != "NotOlderThan") {
    return api::BadRequest(
        "sendInitialEvents: Forbidden: resourceVersionMatch must be NotOlderThan with it");
  }
  out.initial_bookmark = initial && out.bookmarks;
  const absl::string_view version = request.Query("resourceVersion");
  if (!version.empty() && !absl::SimpleAtoi(version, &out.options.after_revision)) {
    return api::BadRequest(absl::StrCat("resourceVersion: Invalid value: \"", version,
                                        "\": want a number that an earlier answer gave"));
  }
  if (initial) out.options.after_revision = 0;
  if (const absl::string_view text = request.Query("timeoutSeconds"); !text.empty()) {
    if (!absl::SimpleAtoi(text, &out.timeout_seconds) || out.timeout_seconds < 0) {
      return api::BadRequest(absl::StrCat("timeoutSeconds: Invalid value: \"", text, "\""));
    }
    if (out.timeout_seconds == 0) out.timeout_seconds = kDefaultWatchSeconds;
  }
  if (request.Query("includeObject") == "Object") out.include = IncludeObject::kObject;
  if (request.Query("includeObject") == "None") out.include = IncludeObject::kNone;
  return out;
}

// A watch on the wire. Owned by its Exchange's OnClose, its timer and its own watch callbacks, all
// on the loop; ended once.
class WatchStream : public std::enable_shared_from_this<WatchStream> {
 public:
  WatchStream(std::shared_ptr<Exchange> exchange, const api::ResourceInfo& resource,
              WatchQuery query, Executor* loop)
      : exchange_(std::move(exchange)),
        resource_(resource),
        query_(std::move(query)),
        loop_(loop) {}

  void Begin(Server* server) {
    auto self = shared_from_this();
    exchange_->OnClose([self] { self->End(); });
    timer_ = loop_->PostAfter(absl::Seconds(query_.timeout_seconds), [self, server] {
      self->timer_ = 0;
      if (!self->query_.bookmarks) return self->FinishNow();
      self->BookmarkThen(server, [self] { self->FinishNow(); });
    });
    if (query_.bookmarks) BookmarkLater(server);
    watch_ = server->StartWatch(
        resource_, query_.options, loop_,
        {[self](std::vector<client::WatchEvent> events) { self->OnEvents(events); },
         [self](absl::Status status) { self->OnEnd(std::move(status)); }});
  }

 private:
  void Head() {
    if (std::exchange(started_, true)) return;
    Response head;
    head.headers.emplace_back("Content-Type", ContentType(query_.format.encoding, true));
    head.headers.emplace_back("Cache-Control", "no-cache, private");
    exchange_->Start(std::move(head));
  }

  void OnEvents(const std::vector<client::WatchEvent>& events) {
    if (exchange_ == nullptr) return;
    const auto exchange = exchange_;  // A slow reader ends the stream within Write.
    Head();
    Pieces pieces;
    for (const client::WatchEvent& event : events) {
      if (event.type != client::EventType::kBookmark) {
        Encode(event, &pieces);
      } else if (query_.initial_bookmark) {
        pieces.push_back(Shared(Bookmark(event.revision, /*initial=*/true)));
      }
      known_ = std::max(known_, event.revision);
    }
    exchange->Write(std::move(pieces));
  }

  // The object's own bytes are shared with every other watcher.
  void Encode(const client::WatchEvent& event, Pieces* pieces) {
    if (query_.format.encoding == Encoding::kProtobuf) {
      pieces->push_back(Shared(Frame(TypeName(event.type), *event.object->Protobuf())));
      return;
    }
    if (query_.format.as.empty()) {
      pieces->push_back(
          Shared(absl::StrCat("{\"type\":\"", TypeName(event.type), "\",\"object\":")));
      pieces->push_back(event.object->Json());
      pieces->push_back(Shared("}\n"));
      return;
    }
    std::string object;
    if (query_.format.as == "Table") {
      TableOptions table;
      table.resource_version = event.object->meta().resource_version();
      table.include = query_.include;
      table.columns = !std::exchange(columns_sent_, true);
      object = TableJson(resource_, {event.object}, table, loop_->clock().Now());
    } else {
      object = PartialJson(*event.object);
    }
    pieces->push_back(Shared(JsonEvent(TypeName(event.type), object)));
  }

  static std::string JsonEvent(absl::string_view type, absl::string_view object) {
    return absl::StrCat("{\"type\":\"", type, "\",\"object\":", object, "}\n");
  }

  // A length of four bytes, big endian, and a WatchEvent (the protobuf stream of the Kubernetes
  // API).
  static std::string Frame(absl::string_view type, const std::string& object) {
    metav1::WatchEvent event;
    event.set_type(std::string(type));
    event.mutable_object()->set_raw(object);
    const std::string bytes = event.SerializeAsString();
    std::string out;
    PutBigEndian(static_cast<uint32_t>(bytes.size()), &out);
    return out + bytes;
  }

  void BookmarkLater(Server* server) {
    bookmark_timer_ = loop_->PostAfter(kBookmarkPeriod, [self = shared_from_this(), server] {
      self->bookmark_timer_ = 0;
      self->BookmarkThen(server, [self, server] {
        if (self->exchange_ != nullptr) self->BookmarkLater(server);
      });
    });
  }

  void BookmarkThen(Server* server, std::function<void()> then) {
    server->Delivered(loop_, [self = shared_from_this(), then = std::move(then)](uint64_t reached) {
      if (self->exchange_ != nullptr && self->started_ && reached > self->known_) {
        self->known_ = reached;
        self->exchange_->Write({Shared(self->Bookmark(reached, /*initial=*/false))});
      }
      then();
    });
  }

  std::string Bookmark(uint64_t revision, bool initial) {
    const api::MessagePtr object(resource_.prototype->New());
    metav1::ObjectMeta* meta = api::MutableMetaOf(object.get());
    meta->set_resource_version(absl::StrCat(revision));
    if (initial) (*meta->mutable_annotations())["k8s.io/initial-events-end"] = "true";
    if (query_.format.encoding == Encoding::kProtobuf) {
      return Frame("BOOKMARK",
                   api::EncodeProtobuf(*object, resource_.api_version(), resource_.kind));
    }
    std::string json;
    api::JsonOptions options;
    const std::string api_version = resource_.api_version();
    options.kind = resource_.kind;
    options.api_version = api_version;
    api::EncodeJson(*object, options, &json);
    return JsonEvent("BOOKMARK", json);
  }

  void OnEnd(absl::Status status) {
    if (exchange_ == nullptr) return;
    if (!started_) {
      // Nothing sent yet: a plain error.
      const auto exchange = exchange_;
      End();
      return SendError(*exchange, status);
    }
    const metav1::Status meta = api::ToMetaStatus(status);
    if (query_.format.encoding == Encoding::kProtobuf) {
      exchange_->Write({Shared(Frame("ERROR", api::EncodeProtobuf(meta, "v1", "Status")))});
    } else {
      std::string json;
      api::JsonOptions options;
      options.kind = "Status";
      options.api_version = "v1";
      api::EncodeJson(meta, options, &json);
      exchange_->Write({Shared(JsonEvent("ERROR", json))});
    }
    FinishNow();
  }

  void FinishNow() {
    if (exchange_ == nullptr) return;
    Head();
    const auto exchange = exchange_;
    End();
    exchange->Finish();
  }

  void End() {
    exchange_ = nullptr;
    watch_.reset();
    for (Executor::TimerId* timer : {&timer_, &bookmark_timer_}) {
      if (*timer != 0) loop_->Cancel(*timer);
      *timer = 0;
    }
  }

 public:
  // A client that watches what has not happened yet still wants to know that it is heard.
  void HeadSoon() {
    loop_->Post([self = shared_from_this()] {
      if (self->exchange_ != nullptr) self->Head();
    });
  }

 private:
  std::shared_ptr<Exchange> exchange_;
  const api::ResourceInfo& resource_;
  const WatchQuery query_;
  Executor* const loop_;
  std::unique_ptr<client::Watch> watch_;
  Executor::TimerId timer_ = 0;
  Executor::TimerId bookmark_timer_ = 0;
  uint64_t known_ = 0;  // What the client knows it has seen.
  bool started_ = false;
  bool columns_sent_ = false;
};

}  // namespace

void ApiHandler::Watch(const ExchangePtr& exchange, const Target& target) {
  auto query = ReadWatchQuery(exchange->request());
  if (!query.ok()) return SendError(*exchange, query.status());
  query->options.name_space = target.name_space;
  if (!target.name.empty()) {
    absl::StrAppend(&query->options.field_selector,
                    query->options.field_selector.empty() ? "" : ",",
                    "metadata.name=", target.name);
  }
  auto stream = std::make_shared<WatchStream>(exchange, *target.resource, *std::move(query), loop_);
  stream->Begin(server_);
  stream->HeadSoon();
}

namespace {

std::vector<std::string> NamesOf(
    const google::protobuf::RepeatedPtrField<corev1::Container>& containers) {
  std::vector<std::string> out;
  for (const corev1::Container& container : containers) out.push_back(container.name());
  return out;
}

absl::StatusOr<client::LogOptions> ReadLogOptions(const Request& request, const corev1::Pod& pod,
                                                  absl::Time now) {
  client::LogOptions out;
  out.container = std::string(request.Query("container"));
  out.follow = request.Query("follow") == "true";
  out.previous = request.Query("previous") == "true";
  out.timestamps = request.Query("timestamps") == "true";
  const auto number = [&](const char* name, std::optional<int64_t>* into) -> absl::Status {
    const absl::string_view text = request.Query(name);
    int64_t value = 0;
    if (text.empty()) return absl::OkStatus();
    if (!absl::SimpleAtoi(text, &value) || value < 0) {
      return api::BadRequest(absl::StrCat(name, ": Invalid value: \"", text, "\""));
    }
    *into = value;
    return absl::OkStatus();
  };
  std::optional<int64_t> since;
  std::optional<int64_t> offset;
  SKIFF_RETURN_IF_ERROR(number("tailLines", &out.tail_lines));
  SKIFF_RETURN_IF_ERROR(number("limitBytes", &out.limit_bytes));
  SKIFF_RETURN_IF_ERROR(number("sinceSeconds", &since));
  SKIFF_RETURN_IF_ERROR(number("offsetBytes", &offset));
  if (since) out.since = now - absl::Seconds(*since);
  out.offset_bytes = offset.value_or(0);
  if (const absl::string_view time = request.Query("sinceTime"); !time.empty()) {
    const auto parsed = api::ParseTime(time);
    if (!parsed.ok()) return api::BadRequest(parsed.status().message());
    out.since = *parsed;
  }
  const std::vector<std::string> names = NamesOf(pod.spec().containers());
  const std::vector<std::string> init_names = NamesOf(pod.spec().init_containers());
  if (out.container.empty()) {
    const auto& annotations = pod.metadata().annotations();
    const auto chosen = annotations.find("kubectl.kubernetes.io/default-container");
    if (chosen != annotations.end()) {
      out.container = chosen->second;
    } else if (pod.spec().containers_size() == 1) {
      out.container = pod.spec().containers(0).name();
    } else {
      return api::BadRequest(
          absl::StrCat("a container name must be specified for pod ", pod.metadata().name(),
                       ", choose one of: [", absl::StrJoin(names, " "), "]",
                       init_names.empty() ? ""
                                          : absl::StrCat(" or one of the init containers: [",
                                                         absl::StrJoin(init_names, " "), "]")));
    }
  }
  if (std::count(names.begin(), names.end(), out.container) +
          std::count(init_names.begin(), init_names.end(), out.container) ==
      0) {
    return api::BadRequest(
        absl::StrCat("container ", out.container, " is not valid for pod ", pod.metadata().name()));
  }
  return out;
}

// A log on its way. The stream and its sink hold each other until the end.
struct LogState {
  std::unique_ptr<client::LogStream> stream;
  bool started = false;
  bool ended = false;

  void Head(Exchange& exchange) {
    if (std::exchange(started, true)) return;
    Response head;
    head.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
    head.queued_bytes = kQueuedLogBytes;
    exchange.Start(std::move(head));
  }

  // False if it has ended before. The stream may be calling just now: it goes a turn later.
  bool End(Executor* loop) {
    if (std::exchange(ended, true)) return false;
    if (stream != nullptr) loop->Post([dropped = std::move(stream)] {});
    return true;
  }
};

}  // namespace

void ApiHandler::Logs(const ExchangePtr& exchange, const Target& target) {
  const auto found = server_->GetNow(*target.resource, target.name_space, target.name);
  if (!found.ok()) return SendError(*exchange, found.status());
  const auto& pod = (*found)->As<corev1::Pod>();
  auto options = ReadLogOptions(exchange->request(), pod, loop_->clock().Now());
  if (!options.ok()) return SendError(*exchange, options.status());
  if (pod.spec().node_name().empty()) {
    return SendError(*exchange, api::BadRequest(absl::StrCat("pod ", target.name,
                                                             " does not have a host assigned")));
  }
  client::NodeApi* node = nodes_ == nullptr ? nullptr : nodes_->Find(pod.spec().node_name());
  if (node == nullptr) {
    return SendError(*exchange, api::ServiceUnavailable(absl::StrCat(
                                    "node ", pod.spec().node_name(), " cannot be reached")));
  }
  auto state = std::make_shared<LogState>();
  exchange->OnClose([state, loop = loop_] { state->End(loop); });
  client::LogSink sink;
  sink.on_data = [exchange, state](std::string data) {
    if (state->ended) return;
    state->Head(*exchange);
    exchange->Write({Shared(std::move(data))});
  };
  sink.on_end = [exchange, state, loop = loop_](absl::Status status) {
    if (!state->End(loop)) return;
    if (!status.ok() && !state->started) return SendError(*exchange, status);
    state->Head(*exchange);
    exchange->Finish();
  };
  const bool follow = options->follow;
  node->StreamLogs(
      target.name_space, target.name, *std::move(options), loop_, std::move(sink),
      [exchange, state, follow](absl::StatusOr<std::unique_ptr<client::LogStream>> stream) {
        if (!stream.ok()) {
          if (!std::exchange(state->ended, true)) {
            SendError(*exchange, stream.status());
          }
          return;
        }
        if (state->ended) return;
        state->stream = *std::move(stream);
        if (follow) state->Head(*exchange);
      });
}

}  // namespace skiff::apiserver::http
