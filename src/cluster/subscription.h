// A watch that never dies silently: what Cluster::Watch hands to the host.
#pragma once

#include <functional>
#include <memory>

#include "client/client.h"
#include "skiff/cluster.h"

namespace skiff::cluster {

// Lists, then watches; lists again by itself when history is gone and reports the differences;
// tries again, with growing pauses, when the cluster cannot answer. Callbacks run on `loop`. After
// the Subscription is destroyed (on any thread but the loop's) none runs. `on_listed` is told,
// after the events of each list, whether there is nothing.
std::unique_ptr<Subscription> SubscribeObjects(
    client::Client* client, Executor* loop, const api::ResourceInfo& resource,
    client::ListOptions options,
    std::function<void(skiff::WatchEvent::Type, const api::ObjectPtr&)> on_event,
    std::function<void(absl::Status)> on_end, std::function<void(bool empty)> on_listed = nullptr);

// The same, with the objects in JSON, and of all changes from this call on: it blocks until it has
// seen what is there, or could not, unless it is called on `loop`.
std::unique_ptr<Subscription> Subscribe(client::Client* client, Executor* loop,
                                        const api::ResourceInfo& resource,
                                        client::ListOptions options,
                                        std::function<void(skiff::WatchEvent)> on_event,
                                        std::function<void(absl::Status)> on_end);

}  // namespace skiff::cluster
