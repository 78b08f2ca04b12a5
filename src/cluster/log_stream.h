// Cluster's logs: from the node that runs the pod to the host's callbacks.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "client/node_api.h"
#include "cluster/objects.h"
#include "skiff/cluster.h"

namespace skiff::cluster {

// Callbacks run on `loop`. kNotFound: no such pod; kFailedPrecondition: it is on no node yet.
absl::StatusOr<std::unique_ptr<Subscription>> StartLogs(Objects& objects,
                                                        client::NodeDirectory* nodes,
                                                        Executor* loop, const LogQuery& query,
                                                        std::function<void(std::string)> on_data,
                                                        std::function<void(absl::Status)> on_end);

}  // namespace skiff::cluster
