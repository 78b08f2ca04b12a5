// The Kubernetes API on HTTP: paths to resources and verbs, bodies to messages, answers to bytes.
// What the verbs mean is rest/server.h's business.
//
// Threads: Handle runs on the loop that it was made for; so do its answers.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "apiserver/http/access.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/message.h"
#include "apiserver/http/negotiate.h"
#include "apiserver/http/request_info.h"
#include "apiserver/openapi/openapi.h"
#include "apiserver/rest/server.h"
#include "base/metrics.h"
#include "client/node_api.h"

namespace skiff::apiserver::http {

class ApiHandler {
 public:
  // Everything outlives it. `nodes` may be null: there are no logs then.
  ApiHandler(Server* server, Executor* loop, client::NodeDirectory* nodes, Metrics* metrics,
             std::shared_ptr<const Access> access = std::make_shared<Access>());
  // On the loop, or once it has stopped.
  ~ApiHandler();

  void Handle(std::shared_ptr<Exchange> exchange);

  // The address that discovery names. Any thread.
  void SetAddress(std::string address);

 private:
  // Where a path leads, what is to be done there, and for whom.
  struct Target {
    const api::ResourceInfo* resource = nullptr;
    std::string name_space;
    std::string name;
    std::string subresource;
    absl::string_view verb;  // A literal.
    UserPtr user;
  };
  using ExchangePtr = std::shared_ptr<Exchange>;

  void CountRequest(absl::string_view method);
  bool HandleMeta(const ExchangePtr& exchange);
  void HandleDiscovery(const ExchangePtr& exchange);
  void SendOpenApi(const ExchangePtr& exchange, const std::string& document);
  void SendGroups(const ExchangePtr& exchange, bool core, std::string plain);
  const Document& Cached(const std::string& key, const std::string& content_type,
                         absl::FunctionRef<std::shared_ptr<const std::string>()> make);
  void HandleResource(const ExchangePtr& exchange, const Target& target);
  void Read(const ExchangePtr& exchange, const Target& target);
  void GetOne(const ExchangePtr& exchange, const Target& target);
  void List(const ExchangePtr& exchange, const Target& target);
  void Watch(const ExchangePtr& exchange, const Target& target);
  void Logs(const ExchangePtr& exchange, const Target& target);
  void Create(const ExchangePtr& exchange, const Target& target);
  void Update(const ExchangePtr& exchange, const Target& target);
  void Patch(const ExchangePtr& exchange, const Target& target);
  void Delete(const ExchangePtr& exchange, const Target& target);
  void DeleteCollection(const ExchangePtr& exchange, const Target& target);

  static absl::StatusOr<Target> TargetOf(const RequestInfo& info, UserPtr user);

  Server* const server_;
  Executor* const loop_;
  client::NodeDirectory* const nodes_;
  Metrics* const metrics_;
  const std::shared_ptr<const Access> access_;
  std::string address_;
  const std::shared_ptr<OpenApi> openapi_ = std::make_shared<OpenApi>();
  std::map<std::string, Document> documents_;  // By path and version; there are few.
  std::map<std::string, prometheus::Counter*, std::less<>> requests_;  // By method's label.
  // Answers that come after this object is gone find it so.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skiff::apiserver::http
