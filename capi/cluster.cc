#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "base/status.h"
#include "capi/internal.h"

using skiff::api::JsonValue;
using skiff::capi::Guard;
using skiff::capi::NullArgument;

namespace {

absl::Status SetRuntime(const std::string& name, skiff::ClusterOptions* options) {
  if (name == "linux") {
    options->runtime = skiff::RuntimeKind::kLinux;
  } else if (name == "process") {
    options->runtime = skiff::RuntimeKind::kProcess;
  } else if (name == "fake") {
    options->runtime = skiff::RuntimeKind::kFake;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("option runtime: \"", name, "\" is not one of linux, process, fake"));
  }
  return absl::OkStatus();
}

}  // namespace

extern "C" {

skiff_options* skiff_options_new(void) { return new (std::nothrow) skiff_options(); }

void skiff_options_set_data_dir(skiff_options* options, const char* path) {
  options->options.data_dir = skiff::capi::OrEmpty(path);
}

void skiff_options_set_nodes(skiff_options* options, int nodes) { options->options.nodes = nodes; }

void skiff_options_set_runtime(skiff_options* options, const char* runtime) {
  options->runtime = skiff::capi::OrEmpty(runtime);
}

void skiff_options_set_listen(skiff_options* options, const char* address) {
  options->options.listen = skiff::capi::OrEmpty(address);
}

void skiff_options_set_verbosity(skiff_options* options, int verbosity) {
  options->options.verbosity = static_cast<skiff::LogVerbosity>(verbosity < 0   ? 0
                                                                : verbosity > 4 ? 4
                                                                                : verbosity);
}

void skiff_options_free(skiff_options** options) {
  if (options == nullptr) return;
  delete *options;
  *options = nullptr;
}

skiff_code skiff_cluster_open(const skiff_options* options, skiff_cluster** cluster,
                              skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    if (cluster == nullptr) return NullArgument("cluster");
    const skiff_options defaults;
    const skiff_options& given = options == nullptr ? defaults : *options;
    skiff::ClusterOptions copy = given.options;
    SKIFF_RETURN_IF_ERROR(SetRuntime(given.runtime, &copy));
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
  const std::unique_ptr<skiff_cluster> owned(*cluster);
  *cluster = nullptr;
  return Guard(error, [&] { return owned->cluster->Close(stop_pods != 0 || owned->in_memory); });
}

const char* skiff_cluster_url(const skiff_cluster* cluster) { return cluster->url.c_str(); }
const char* skiff_cluster_kubeconfig(const skiff_cluster* cluster) {
  return cluster->kubeconfig.c_str();
}

skiff_code skiff_check_host(char** json, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    if (json == nullptr) return NullArgument("json");
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
    if (cluster == nullptr) return NullArgument("cluster");
    if (path == nullptr) return NullArgument("path");
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
