#include "bench/in_process.h"

#include "base/status.h"

namespace skiff::bench {

absl::StatusOr<std::unique_ptr<InProcess>> InProcess::Open(const std::string& dir) {
  std::unique_ptr<InProcess> self(new InProcess());
  store::StoreOptions options;
  options.data_dir = dir;
  SKIFF_ASSIGN_OR_RETURN(self->store_, store::Store::Open(std::move(options), &self->loop_,
                                                          &self->pool_, Logger(), &self->metrics_));
  return self;
}

InProcess::~InProcess() {
  if (store_ != nullptr) store_->Close();
  // Until it is closed the store answers on the loop.
  loop_.Stop();
}

void InProcess::Put(const std::string& name, const std::string& value, Done done,
                    const std::string& name_space) {
  auto map = std::make_unique<corev1::ConfigMap>();
  map->mutable_metadata()->set_name(name);
  map->mutable_metadata()->set_namespace_(name_space);
  (*map->mutable_data())["value"] = value;
  store::Txn txn;
  txn.ops.push_back(store::Op::Put(MapKey(name, name_space), std::move(map)));
  store_->Commit(std::move(txn), [done = std::move(done)](absl::StatusOr<store::TxnResult> result) {
    done(result.ok() && result->applied);
  });
}

absl::StatusOr<Figures> InProcess::Run(int clients, ClosedLoop::Limits limits, Request request) {
  ClosedLoop loop(clients, limits, std::move(request));
  loop_.Post([&loop] { loop.Start(); });
  loop.Wait();
  return loop.Result();
}

std::string MapKey(const std::string& name, const std::string& name_space) {
  return store::Key(api::ResourceOf<corev1::ConfigMap>(), name_space, name);
}

}  // namespace skiff::bench
