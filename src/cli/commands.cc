#include "cli/commands.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "api/codec.h"
#include "api/json_value.h"
#include "base/status.h"
#include "cli/api_client.h"
#include "cluster/kind_name.h"
#include "cluster/three_way.h"
#include "cluster/wait_condition.h"
#include "skiff/cluster.h"

namespace skiff::cli {
namespace {

using api::JsonValue;

struct Named {
  const api::ResourceInfo* resource;
  std::string name;  // Empty: all of the kind.
};

// "pods", "pods web-1 web-2", "pod/web-1 job/x", "pods,services".
absl::StatusOr<std::vector<Named>> ReadNames(const std::vector<std::string>& words) {
  std::vector<Named> out;
  if (words.empty()) {
    return absl::InvalidArgumentError("name what to act on: KIND, KIND NAME, or KIND/NAME");
  }
  if (absl::StrContains(words[0], '/')) {
    for (const std::string& word : words) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(word, absl::MaxSplits('/', 1));
      SKIFF_ASSIGN_OR_RETURN(const api::ResourceInfo* resource, cluster::ResolveKind(parts.first));
      out.push_back({resource, parts.second});
    }
    return out;
  }
  for (const absl::string_view kind : absl::StrSplit(words[0], ',')) {
    SKIFF_ASSIGN_OR_RETURN(const api::ResourceInfo* resource, cluster::ResolveKind(kind));
    for (size_t i = 1; i < words.size(); ++i) out.push_back({resource, words[i]});
    if (words.size() == 1) out.push_back({resource, ""});
  }
  return out;
}

std::string PathOf(const api::ResourceInfo& resource, const std::string& name_space,
                   const std::string& name) {
  std::string out = resource.group.empty()
                        ? absl::StrCat("/api/", resource.version)
                        : absl::StrCat("/apis/", resource.group, "/", resource.version);
  if (resource.namespaced && !name_space.empty()) {
    absl::StrAppend(&out, "/namespaces/", Escape(name_space));
  }
  absl::StrAppend(&out, "/", resource.resource);
  if (!name.empty()) absl::StrAppend(&out, "/", Escape(name));
  return out;
}

std::string Text(const JsonValue* value) {
  if (value == nullptr) return "";
  return value->is_string() ? value->text() : value->ToString();
}

// A metav1.Table in columns, as wide as their widest cell.
void PrintTable(const JsonValue& table, bool wide, bool headers) {
  std::vector<std::vector<std::string>> lines(1);
  std::vector<bool> shown;
  for (const JsonValue& column : table.Find("columnDefinitions")->items()) {
    shown.push_back(wide || Text(column.Find("priority")) == "0");
    if (shown.back()) lines[0].push_back(absl::AsciiStrToUpper(Text(column.Find("name"))));
  }
  const JsonValue* rows = table.Find("rows");
  for (const JsonValue& row : rows->items()) {
    std::vector<std::string>& line = lines.emplace_back();
    const auto& cells = row.Find("cells")->items();
    for (size_t i = 0; i < cells.size() && i < shown.size(); ++i) {
      if (shown[i]) line.push_back(Text(&cells[i]));
    }
  }
  std::vector<size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (size_t l = headers ? 0 : 1; l < lines.size(); ++l) {
    std::string out;
    for (size_t i = 0; i < lines[l].size(); ++i) {
      absl::StrAppend(
          &out, lines[l][i],
          i + 1 == lines[l].size() ? "" : std::string(widths[i] - lines[l][i].size() + 3, ' '));
    }
    std::cout << out << "\n";
  }
}

absl::StatusOr<std::vector<JsonValue>> ReadManifests(const std::vector<std::string>& files) {
  std::vector<JsonValue> out;
  for (const std::string& file : files) {
    std::ostringstream text;
    if (file == "-") {
      text << std::cin.rdbuf();
    } else {
      std::ifstream in(file);
      if (!in) return absl::NotFoundError(absl::StrCat("manifest ", file, " cannot be read"));
      text << in.rdbuf();
    }
    const auto documents = api::YamlToJson(text.str());
    if (!documents.ok()) return Annotate(documents.status(), file);
    for (const std::string& document : *documents) {
      SKIFF_ASSIGN_OR_RETURN(JsonValue value, JsonValue::Parse(document));
      out.push_back(std::move(value));
    }
  }
  return out;
}

struct Target {
  const api::ResourceInfo* resource;
  std::string name_space;
  std::string name;
};

absl::StatusOr<Target> TargetOf(const JsonValue& object, const Common& common) {
  const std::string kind = Text(object.Find("kind"));
  const std::string version = Text(object.Find("apiVersion"));
  const api::ResourceInfo* resource = api::FindKind(version, kind);
  if (resource == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("no matches for kind \"", kind, "\" in version \"", version, "\""));
  }
  const JsonValue* meta = object.Find("metadata");
  if (meta == nullptr || Text(meta->Find("name")).empty()) {
    return absl::InvalidArgumentError(absl::StrCat(kind, ": metadata.name is required"));
  }
  const std::string own = Text(meta->Find("namespace"));
  return Target{resource, own.empty() ? common.name_space : own, Text(meta->Find("name"))};
}

std::string Shown(const Target& target) {
  return absl::StrCat(
      target.resource->singular,
      target.resource->group.empty() ? "" : absl::StrCat(".", target.resource->group), "/",
      target.name);
}

absl::Status ApplyOne(ApiClient& client, const Common& common, JsonValue object) {
  SKIFF_ASSIGN_OR_RETURN(const Target target, TargetOf(object, common));
  const std::string path = PathOf(*target.resource, target.name_space, target.name);
  const std::string query = "?fieldManager=skiff&fieldValidation=Strict";
  const JsonValue wanted = cluster::WithLastApplied(object);
  const auto live = client.Call("GET", path);
  if (absl::IsNotFound(live.status())) {
    SKIFF_RETURN_IF_ERROR(client
                              .Call("POST", PathOf(*target.resource, target.name_space, "") + query,
                                    wanted.ToString())
                              .status());
    std::cout << Shown(target) << " created\n";
    return absl::OkStatus();
  }
  SKIFF_RETURN_IF_ERROR(live.status());
  SKIFF_ASSIGN_OR_RETURN(const JsonValue current, JsonValue::Parse(live->body));
  const JsonValue patch = cluster::ThreeWayPatch(cluster::LastAppliedOf(current), wanted,
                                                 target.resource->prototype->GetDescriptor());
  SKIFF_ASSIGN_OR_RETURN(const ApiClient::Reply reply,
                         client.Call("PATCH", path + query, patch.ToString(),
                                     "application/strategic-merge-patch+json"));
  SKIFF_ASSIGN_OR_RETURN(const JsonValue now, JsonValue::Parse(reply.body));
  const bool same = *now.Find("metadata")->Find("resourceVersion") ==
                    *current.Find("metadata")->Find("resourceVersion");
  std::cout << Shown(target) << (same ? " unchanged\n" : " configured\n");
  return absl::OkStatus();
}

// The pod that a log is asked of: itself, or the first of what a workload selects.
absl::StatusOr<std::string> PodOf(ApiClient& client, const Common& common,
                                  const std::string& what) {
  if (!absl::StrContains(what, '/')) return what;
  SKIFF_ASSIGN_OR_RETURN(const std::vector<Named> names, ReadNames({what}));
  if (names[0].resource->resource == "pods") return names[0].name;
  SKIFF_ASSIGN_OR_RETURN(
      const ApiClient::Reply reply,
      client.Call("GET", PathOf(*names[0].resource, common.name_space, names[0].name)));
  SKIFF_ASSIGN_OR_RETURN(const JsonValue object, JsonValue::Parse(reply.body));
  const JsonValue* selector = object.Find("spec")->Find("selector");
  const JsonValue* labels = selector == nullptr ? nullptr : selector->Find("matchLabels");
  if (labels == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(what, " selects no pods"));
  }
  std::string query;
  for (const auto& [key, value] : labels->entries()) {
    absl::StrAppend(&query, query.empty() ? "" : ",", key, "=", value.text());
  }
  const api::ResourceInfo& pods = api::ResourceOf<corev1::Pod>();
  SKIFF_ASSIGN_OR_RETURN(const ApiClient::Reply listed,
                         client.Call("GET", absl::StrCat(PathOf(pods, common.name_space, ""),
                                                         "?labelSelector=", Escape(query))));
  SKIFF_ASSIGN_OR_RETURN(const JsonValue list, JsonValue::Parse(listed.body));
  if (list.Find("items")->items().empty()) {
    return absl::NotFoundError(absl::StrCat(what, " has no pods"));
  }
  return Text(list.Find("items")->items()[0].Find("metadata")->Find("name"));
}

}  // namespace

absl::Status Get(const Common& common, const GetOptions& options) {
  SKIFF_ASSIGN_OR_RETURN(ApiClient client, ApiClient::FromKubeconfig(common.kubeconfig));
  SKIFF_ASSIGN_OR_RETURN(const std::vector<Named> names, ReadNames(options.what));
  const bool table = options.output.empty() || options.output == "wide";
  const std::string accept =
      table ? "application/json;as=Table;v=v1;g=meta.k8s.io" : "application/json";
  const std::string name_space = options.all_namespaces ? "" : common.name_space;
  for (const Named& named : names) {
    std::string path = PathOf(*named.resource, name_space, named.name);
    if (!options.selector.empty()) {
      absl::StrAppend(&path, "?labelSelector=", Escape(options.selector));
    }
    SKIFF_ASSIGN_OR_RETURN(const ApiClient::Reply reply,
                           client.Call("GET", path, "", "application/json", accept));
    SKIFF_ASSIGN_OR_RETURN(const JsonValue value, JsonValue::Parse(reply.body));
    if (table) {
      if (value.Find("rows")->items().empty()) {
        std::cerr << "No resources found"
                  << "\n";
      } else {
        PrintTable(value, options.output == "wide", !options.no_headers);
      }
    } else if (options.output == "yaml") {
      SKIFF_ASSIGN_OR_RETURN(const std::string yaml, api::JsonToYaml(reply.body));
      std::cout << yaml;
    } else if (options.output == "json") {
      std::cout << reply.body << "\n";
    } else if (options.output == "name") {
      const JsonValue* items = value.Find("items");
      const auto print = [&](const JsonValue& object) {
        std::cout << named.resource->singular << "/" << Text(object.Find("metadata")->Find("name"))
                  << "\n";
      };
      if (items == nullptr) print(value);
      if (items != nullptr) std::for_each(items->items().begin(), items->items().end(), print);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("-o ", options.output, ": supported are wide, json, yaml and name"));
    }
  }
  if (!options.watch || names.size() != 1) return absl::OkStatus();
  std::string path = absl::StrCat(PathOf(*names[0].resource, name_space, ""), "?watch=true");
  if (!names[0].name.empty()) {
    absl::StrAppend(&path, "&fieldSelector=", Escape("metadata.name=" + names[0].name));
  }
  return client.Stream(path, [](absl::string_view data) {
    std::cout << std::string(data) << std::flush;
    return true;
  });
}

absl::Status Apply(const Common& common, const std::vector<std::string>& files) {
  SKIFF_ASSIGN_OR_RETURN(ApiClient client, ApiClient::FromKubeconfig(common.kubeconfig));
  SKIFF_ASSIGN_OR_RETURN(std::vector<JsonValue> objects, ReadManifests(files));
  for (JsonValue& object : objects) {
    SKIFF_RETURN_IF_ERROR(ApplyOne(client, common, std::move(object)));
  }
  return absl::OkStatus();
}

absl::Status Delete(const Common& common, const std::vector<std::string>& files,
                    const std::vector<std::string>& what) {
  SKIFF_ASSIGN_OR_RETURN(ApiClient client, ApiClient::FromKubeconfig(common.kubeconfig));
  std::vector<Target> targets;
  if (!files.empty()) {
    SKIFF_ASSIGN_OR_RETURN(const std::vector<JsonValue> objects, ReadManifests(files));
    for (const JsonValue& object : objects) {
      SKIFF_ASSIGN_OR_RETURN(Target target, TargetOf(object, common));
      targets.push_back(std::move(target));
    }
  } else {
    SKIFF_ASSIGN_OR_RETURN(const std::vector<Named> names, ReadNames(what));
    for (const Named& named : names) {
      if (named.name.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("name which of the ", named.resource->resource, " to delete"));
      }
      targets.push_back({named.resource, common.name_space, named.name});
    }
  }
  for (const Target& target : targets) {
    SKIFF_RETURN_IF_ERROR(
        client
            .Call("DELETE", PathOf(*target.resource, target.name_space, target.name),
                  R"({"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"})")
            .status());
    std::cout << Shown(target) << " deleted\n";
  }
  return absl::OkStatus();
}

absl::Status Logs(const Common& common, const LogsOptions& options) {
  SKIFF_ASSIGN_OR_RETURN(ApiClient client, ApiClient::FromKubeconfig(common.kubeconfig));
  SKIFF_ASSIGN_OR_RETURN(const std::string pod, PodOf(client, common, options.what));
  std::string path = absl::StrCat(PathOf(api::ResourceOf<corev1::Pod>(), common.name_space, pod),
                                  "/log?follow=", options.follow ? "true" : "false");
  if (!options.container.empty()) absl::StrAppend(&path, "&container=", Escape(options.container));
  if (options.previous) absl::StrAppend(&path, "&previous=true");
  if (options.tail >= 0) absl::StrAppend(&path, "&tailLines=", options.tail);
  return client.Stream(path, [](absl::string_view data) {
    std::cout << std::string(data) << std::flush;
    return true;
  });
}

absl::Status Wait(const Common& common, const std::vector<std::string>& what,
                  const std::string& condition, int timeout_seconds) {
  SKIFF_ASSIGN_OR_RETURN(ApiClient client, ApiClient::FromKubeconfig(common.kubeconfig));
  SKIFF_ASSIGN_OR_RETURN(const std::vector<Named> names, ReadNames(what));
  SKIFF_ASSIGN_OR_RETURN(const cluster::WaitCondition wanted,
                         cluster::WaitCondition::Parse(condition));
  for (const Named& named : names) {
    const std::string path = PathOf(*named.resource, common.name_space, named.name);
    const std::string watch =
        absl::StrCat(PathOf(*named.resource, common.name_space, ""),
                     "?watch=true&timeoutSeconds=", timeout_seconds,
                     "&fieldSelector=", Escape("metadata.name=" + named.name));
    const auto now = client.Call("GET", path);
    if (absl::IsNotFound(now.status()) && wanted.for_delete()) continue;
    if (!now.ok() && !(absl::IsNotFound(now.status()) && wanted.for_create())) return now.status();
    bool met = false;
    std::string last = "it does not exist";
    std::string buffer;
    SKIFF_RETURN_IF_ERROR(client.Stream(watch, [&](absl::string_view data) {
      buffer.append(data.data(), data.size());
      for (size_t end; (end = buffer.find('\n')) != std::string::npos; buffer.erase(0, end + 1)) {
        const auto event = JsonValue::Parse(absl::string_view(buffer).substr(0, end));
        if (!event.ok()) continue;
        const JsonValue& object = *event->Find("object");
        if (Text(event->Find("type")) == "DELETED") {
          met = wanted.for_delete();
          last = "it was deleted";
          return false;
        }
        last = wanted.Describe(object);
        if (wanted.Holds(object)) {
          met = true;
          return false;
        }
      }
      return true;
    }));
    if (!met) {
      return absl::DeadlineExceededError(absl::StrCat("timed out waiting for ", condition, " on ",
                                                      named.resource->qualified(), "/", named.name,
                                                      ": ", last));
    }
    std::cout << named.resource->qualified() << "/" << named.name << " condition met\n";
  }
  return absl::OkStatus();
}

absl::Status Run(const Common& common, const RunOptions& options) {
  SKIFF_ASSIGN_OR_RETURN(ApiClient client, ApiClient::FromKubeconfig(common.kubeconfig));
  corev1::Pod pod;
  pod.mutable_metadata()->set_name(options.name);
  (*pod.mutable_metadata()->mutable_labels())["run"] = options.name;
  pod.mutable_spec()->set_restart_policy(options.restart);
  if (!options.runtime_class.empty()) {
    pod.mutable_spec()->set_runtime_class_name(options.runtime_class);
  }
  corev1::Container* container = pod.mutable_spec()->add_containers();
  container->set_name(options.name);
  container->set_image(options.image);
  for (const std::string& word : options.command) container->add_command(word);
  std::string json;
  api::JsonOptions encoding;
  encoding.kind = "Pod";
  encoding.api_version = "v1";
  api::EncodeJson(pod, encoding, &json);
  SKIFF_RETURN_IF_ERROR(
      client.Call("POST", PathOf(api::ResourceOf<corev1::Pod>(), common.name_space, ""), json)
          .status());
  std::cout << "pod/" << options.name << " created\n";
  return absl::OkStatus();
}

absl::Status Check() {
  bool all = true;
  for (const HostCheck& check : CheckHost()) {
    std::cout << (check.ok ? "ok      " : "missing ") << std::left << std::setw(26) << check.name
              << check.detail << "\n";
    if (!check.ok) std::cout << "        remedy: " << check.remedy << "\n";
    all = all && check.ok;
  }
  return all ? absl::OkStatus()
             : absl::FailedPreconditionError("this host lacks something that real pods need");
}

}  // namespace skiff::cli
