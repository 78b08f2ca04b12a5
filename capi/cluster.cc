#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "base/status.h"
#include "capi/internal.h"

using skiff::api::JsonValue;
using skiff::capi::Check;
using skiff::capi::Guard;
using skiff::capi::Pointer;
using skiff::capi::Set;
using skiff::capi::Text;

namespace {

// What `name` means among the built-in runtimes and the options' own, of which it comes first.
absl::StatusOr<skiff::RuntimeKind> ChooseRuntime(const std::string& name,
                                                 std::vector<skiff::CustomRuntime>* own) {
  if (name == "linux") return skiff::RuntimeKind::kLinux;
  if (name == "process") return skiff::RuntimeKind::kProcess;
  if (name == "fake") return skiff::RuntimeKind::kFake;
  std::string known = "linux, process, fake";
  for (auto it = own->begin(); it != own->end(); ++it) {
    if (it->name == name) {
      std::rotate(own->begin(), it, it + 1);
      return skiff::RuntimeKind::kCustom;
    }
    absl::StrAppend(&known, ", ", it->name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("option runtime: \"", name, "\" is not one of ", known));
}

// Names that the cluster will write into objects and logs.
absl::Status CheckNames(const skiff::Extensions& extensions) {
  for (const skiff::Controller& controller : extensions.controllers) {
    SKIFF_RETURN_IF_ERROR(Check({Text("name", controller.name.c_str())}));
  }
  for (const skiff::AdmissionHook& hook : extensions.admission) {
    SKIFF_RETURN_IF_ERROR(Check({Text("name", hook.name.c_str())}));
  }
  return absl::OkStatus();
}

}  // namespace

void skiff::capi::Set(skiff_options* options, std::string* field, const char* value,
                      const char* default_value) noexcept {
  try {
    *field = value == nullptr ? default_value : value;
  } catch (const std::bad_alloc&) {
    options->out_of_memory = true;
  }
}

extern "C" {

skiff_options* skiff_options_new(void) {
  try {
    return new skiff_options();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void skiff_options_set_data_dir(skiff_options* options, const char* path) {
  if (options != nullptr) Set(options, &options->options.data_dir, path, "");
}

void skiff_options_set_nodes(skiff_options* options, int nodes) {
  if (options != nullptr) options->options.nodes = nodes;
}

void skiff_options_set_runtime(skiff_options* options, const char* runtime) {
  if (options != nullptr) Set(options, &options->runtime, runtime, "linux");
}

void skiff_options_set_listen(skiff_options* options, const char* address) {
  if (options != nullptr) Set(options, &options->options.listen, address, "");
}

void skiff_options_set_verbosity(skiff_options* options, int verbosity) {
  if (options == nullptr) return;
  options->options.verbosity = static_cast<skiff::LogVerbosity>(std::clamp(verbosity, 0, 4));
}

void skiff_options_free(skiff_options** options) {
  if (options == nullptr) return;
  delete *options;
  *options = nullptr;
}

skiff_code skiff_cluster_open(const skiff_options* options, skiff_cluster** cluster,
                              skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster)}));
    const skiff_options defaults;
    const skiff_options& given = options == nullptr ? defaults : *options;
    if (given.out_of_memory) return absl::ResourceExhaustedError("out of memory for the options");
    skiff::ClusterOptions copy = given.options;
    SKIFF_RETURN_IF_ERROR(skiff::capi::ReadHarness(given, &copy));
    if (!given.wrong.empty()) return absl::InvalidArgumentError(given.wrong);
    SKIFF_RETURN_IF_ERROR(CheckNames(copy.extensions));
    SKIFF_RETURN_IF_ERROR(skiff::capi::CheckMember(copy));
    SKIFF_ASSIGN_OR_RETURN(copy.runtime, ChooseRuntime(given.runtime, &copy.extensions.runtimes));
    SKIFF_ASSIGN_OR_RETURN(std::unique_ptr<skiff::Cluster> opened, skiff::Cluster::Open(copy));
    auto handle = std::make_unique<skiff_cluster>();
    handle->url = opened->url();
    handle->kubeconfig = opened->kubeconfig();
    handle->in_memory = copy.data_dir.empty();
    handle->cluster = std::move(opened);
    *cluster = handle.release();
    return absl::OkStatus();
  });
}

skiff_code skiff_cluster_close(skiff_cluster** cluster, int stop_pods, skiff_error** error) {
  if (cluster == nullptr || *cluster == nullptr) return SKIFF_OK;
  bool stays = false;
  const skiff_code code = Guard(error, [&] {
    absl::Status closed = (*cluster)->cluster->Close(stop_pods != 0 || (*cluster)->in_memory);
    stays = absl::IsFailedPrecondition(closed);
    return closed;
  });
  if (!stays) delete std::exchange(*cluster, nullptr);
  return code;
}

const char* skiff_cluster_url(const skiff_cluster* cluster) {
  return cluster == nullptr ? "" : cluster->url.c_str();
}
const char* skiff_cluster_kubeconfig(const skiff_cluster* cluster) {
  return cluster == nullptr ? "" : cluster->kubeconfig.c_str();
}

skiff_code skiff_check_host(char** json, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("json", json)}));
    JsonValue out = JsonValue::Array();
    for (const skiff::HostCheck& check : skiff::CheckHost()) {
      JsonValue& row = out.items().emplace_back(JsonValue::Object());
      row.Member("name") = JsonValue::String(check.name);
      row.Member("ok") = JsonValue::Bool(check.ok);
      row.Member("detail") = JsonValue::String(check.detail);
      row.Member("remedy") = JsonValue::String(check.remedy);
    }
    *json = skiff::capi::CopyOut(out.ToString());
    return absl::OkStatus();
  });
}

skiff_code skiff_image_load(skiff_cluster* cluster, const char* path, char** references,
                            skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Pointer("path", path)}));
    SKIFF_ASSIGN_OR_RETURN(const std::vector<std::string> loaded,
                           cluster->cluster->LoadImage(path));
    if (references == nullptr) return absl::OkStatus();
    JsonValue out = JsonValue::Array();
    for (const std::string& name : loaded) out.items().push_back(JsonValue::String(name));
    *references = skiff::capi::CopyOut(out.ToString());
    return absl::OkStatus();
  });
}

}  // extern "C"
