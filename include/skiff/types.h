// What Skiff's C++ headers share: how objects are named, asked for and answered about.
#pragma once

#include <string>

#if defined(__GNUC__)
#define SKIFF_EXPORT __attribute__((visibility("default")))
#else
#define SKIFF_EXPORT
#endif

namespace skiff {

// Names one object. The kind may be given as kubectl takes it: "pod", "pods", "po", "Deployment",
// "deployments.apps".
struct ObjectRef {
  std::string kind;
  std::string name_space = "default";  // Ignored for cluster-wide kinds.
  std::string name;
};

struct ListQuery {
  std::string kind;
  std::string name_space;  // Empty: all namespaces.
  std::string label_selector;
  std::string field_selector;
};

struct Applied {
  enum class Outcome { kCreated, kConfigured, kUnchanged };
  ObjectRef object;
  Outcome outcome;
};

}  // namespace skiff
