// Node's volumes while pods run: ConfigMaps, Secrets and fields of the pod are followed, and what
// containers see of them is brought up to date.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "node/node.h"
#include "node/volumes.h"

namespace skiff::node {

// Begins to watch what the pod's volumes hold. One watch an object, however many pods have it.
void Node::FollowVolumes(const std::string& uid, const Pod& pod) {
  if (pod.runtime == nullptr || pod.runtime->name() == "fake") return;
  const std::string& name_space = pod.object->meta().namespace_();
  for (const std::string& name : VolumeReferencesOf(pod.object->As<corev1::Pod>().spec())) {
    const bool config = absl::StartsWith(name, "configmaps/");
    Followed& followed = followed_[absl::StrCat(name_space, "/", name)];
    followed.pods.insert(uid);
    if (followed.informer != nullptr) continue;
    client::WatchOptions options;
    options.name_space = name_space;
    options.field_selector = absl::StrCat("metadata.name=", name.substr(name.find('/') + 1));
    followed.informer = std::make_unique<client::Informer>(
        client_, loop_,
        config ? api::ResourceOf<corev1::ConfigMap>() : api::ResourceOf<corev1::Secret>(), options);
    followed.informer->AddHandler([this, key = absl::StrCat(name_space, "/", name)](
                                      const api::ObjectPtr& before, const api::ObjectPtr& now) {
      const auto it = followed_.find(key);
      // What is there at first was read when the volume was made.
      if (it == followed_.end() || (before == nullptr && now == nullptr)) return;
      if (before == nullptr && !it->second.informer->synced()) return;
      const std::set<std::string> pods = it->second.pods;
      for (const std::string& each : pods) {
        if (const PodPtr pod = Find(each)) pod->stale_volumes = true;
        Sync(each);
      }
    });
    followed.informer->Start();
  }
}

// Not from a watch's own call: it may end with this.
void Node::UnfollowVolumes(const std::string& uid) {
  for (auto it = followed_.begin(); it != followed_.end();) {
    it->second.pods.erase(uid);
    it = it->second.pods.empty() ? followed_.erase(it) : std::next(it);
  }
}

void Node::RefreshVolumes(const std::string& uid) {
  const PodPtr pod = Find(uid);
  pod->stale_volumes = false;
  pod->busy = true;
  FetchReferences(pod->object, VolumeReferencesOf(pod->object->As<corev1::Pod>().spec()),
                  [this, alive = alive_, uid](const References& references) {
                    const PodPtr now = *alive ? Find(uid) : nullptr;
                    if (now == nullptr || !running_) return;
                    if (now->object == nullptr) {
                      now->busy = false;
                      return Sync(uid);
                    }
                    RunAction(
                        uid,
                        [object = now->object, places = PlacesOf(uid, *now), references] {
                          return UpdateVolumes(object->As<corev1::Pod>(), places, references);
                        },
                        [this, uid](const absl::Status& status) {
                          if (status.ok()) return;
                          Say(*Find(uid), "Warning", "FailedMount",
                              absl::StrCat("volumes stay as they were: ", status.message()));
                        });
                  });
}

}  // namespace skiff::node
