#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/json_value.h"
#include "base/status.h"
#include "capi/internal.h"

using skiff::Fault;
using skiff::api::JsonValue;
using skiff::capi::Check;
using skiff::capi::Guard;
using skiff::capi::Limit;
using skiff::capi::Pointer;
using skiff::capi::Set;
using skiff::capi::Text;

struct skiff_saved {
  std::shared_ptr<const skiff::SavedCluster> state;
};

namespace {

constexpr std::pair<const char*, Fault::Kind> kKinds[] = {
    {"killNode", Fault::Kind::kKillNode},
    {"restartNode", Fault::Kind::kRestartNode},
    {"partitionNode", Fault::Kind::kPartitionNode},
    {"fillNode", Fault::Kind::kFillNode},
    {"pressNode", Fault::Kind::kPressNode},
    {"crashContainer", Fault::Kind::kCrashContainer},
    {"failWrites", Fault::Kind::kFailWrites},
    {"slowDisk", Fault::Kind::kSlowDisk},
    {"failDisk", Fault::Kind::kFailDisk},
    {"healWrites", Fault::Kind::kHealWrites},
    {"killMember", Fault::Kind::kKillMember},
    {"restartMember", Fault::Kind::kRestartMember},
    {"partitionMember", Fault::Kind::kPartitionMember},
    {"network", Fault::Kind::kNetwork},
};

absl::Status Wrong(const std::string& name, const char* want) {
  return absl::InvalidArgumentError(absl::StrCat("fault: ", name, " must be ", want));
}

// One member of a fault, into its place.
absl::Status ReadMember(const std::string& name, const JsonValue& value, Fault* fault) {
  const std::pair<const char*, std::string*> texts[] = {
      {"node", &fault->node},
      {"condition", &fault->condition},
      {"namespace", &fault->name_space},
      {"name", &fault->name},
      {"container", &fault->container},
      {"verb", &fault->verb},
      {"objectKind", &fault->object_kind},
      {"error", &fault->error},
      {"message", &fault->message},
  };
  for (const auto& [member, place] : texts) {
    if (name != member) continue;
    if (!value.is_string()) return Wrong(name, "a string");
    *place = value.text();
    return absl::OkStatus();
  }
  for (const auto& [member, place] :
       {std::pair("loss", &fault->loss), std::pair("duplicate", &fault->duplicate)}) {
    if (name != member) continue;
    const bool number = value.type() == JsonValue::Type::kNumber;
    if (!number || !absl::SimpleAtod(value.text(), place)) return Wrong(name, "a number");
    return absl::OkStatus();
  }
  const std::pair<const char*, int*> numbers[] = {
      {"exitCode", &fault->exit_code}, {"count", &fault->count}, {"member", &fault->member}};
  for (const auto& [member, place] : numbers) {
    if (name != member) continue;
    const bool number = value.type() == JsonValue::Type::kNumber;
    if (!number || !absl::SimpleAtoi(value.text(), place)) return Wrong(name, "a whole number");
    return absl::OkStatus();
  }
  if (name == "delayMs") {
    int64_t ms = 0;
    const bool number = value.type() == JsonValue::Type::kNumber;
    if (!number || !absl::SimpleAtoi(value.text(), &ms)) return Wrong(name, "a whole number");
    fault->delay = absl::Milliseconds(ms);
    return absl::OkStatus();
  }
  if (name == "on") {
    if (value.type() != JsonValue::Type::kBool) return Wrong(name, "true or false");
    fault->on = value.boolean();
    return absl::OkStatus();
  }
  if (name != "kind") {
    return absl::InvalidArgumentError(absl::StrCat("fault: there is no member \"", name, "\""));
  }
  for (const auto& [written, kind] : kKinds) {
    if (!value.is_string() || value.text() != written) continue;
    fault->kind = kind;
    return absl::OkStatus();
  }
  std::string known;
  for (const auto& [written, kind] : kKinds) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", written);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("fault kind: \"", value.text(), "\" is not one of ", known));
}

absl::StatusOr<Fault> ReadFault(const char* text) {
  SKIFF_ASSIGN_OR_RETURN(const JsonValue json, JsonValue::Parse(text));
  if (json.Find("kind") == nullptr) {
    return absl::InvalidArgumentError("fault: an object with a \"kind\" is wanted");
  }
  Fault fault;
  for (const auto& [name, value] : json.entries()) {
    SKIFF_RETURN_IF_ERROR(ReadMember(name, value, &fault));
  }
  return fault;
}

}  // namespace

absl::Status skiff::capi::ReadHarness(const skiff_options& options, skiff::ClusterOptions* out) {
  if (options.clock != "real" && options.clock != "virtual") {
    return absl::InvalidArgumentError(
        absl::StrCat("option clock: \"", options.clock, "\" is not one of real, virtual"));
  }
  out->clock = options.clock == "virtual" ? ClockKind::kVirtual : ClockKind::kReal;
  for (const absl::string_view name :
       absl::StrSplit(options.controllers_off, ',', absl::SkipWhitespace())) {
    out->controllers_off.emplace(absl::StripAsciiWhitespace(name));
  }
  return absl::OkStatus();
}

extern "C" {

void skiff_options_set_clock(skiff_options* options, const char* clock) {
  if (options != nullptr) Set(options, &options->clock, clock, "real");
}

void skiff_options_set_seed(skiff_options* options, uint64_t seed) {
  if (options != nullptr) options->options.seed = seed;
}

void skiff_options_set_members(skiff_options* options, int members) {
  if (options != nullptr) options->options.members = members;
}

void skiff_options_set_permute_order(skiff_options* options, int permute) {
  if (options != nullptr) options->options.permute_order = permute != 0;
}

void skiff_options_set_controllers_off(skiff_options* options, const char* names) {
  if (options != nullptr) Set(options, &options->controllers_off, names, "");
}

uint64_t skiff_cluster_seed(const skiff_cluster* cluster) {
  return cluster == nullptr ? 0 : cluster->cluster->seed();
}

int64_t skiff_cluster_now_ms(const skiff_cluster* cluster) {
  return cluster == nullptr ? 0 : absl::ToUnixMillis(cluster->cluster->Now());
}

skiff_code skiff_advance(skiff_cluster* cluster, int64_t ms, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster)}));
    return cluster->cluster->Advance(absl::Milliseconds(ms));
  });
}

skiff_code skiff_settle(skiff_cluster* cluster, int64_t timeout_ms, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster)}));
    return cluster->cluster->Settle(Limit(timeout_ms));
  });
}

skiff_code skiff_assert_idle(skiff_cluster* cluster, int64_t ms, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster)}));
    return cluster->cluster->AssertIdle(absl::Milliseconds(ms));
  });
}

skiff_code skiff_inject_fault(skiff_cluster* cluster, const char* fault, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Text("fault", fault)}));
    SKIFF_ASSIGN_OR_RETURN(const Fault read, ReadFault(fault));
    return cluster->cluster->InjectFault(read);
  });
}

skiff_code skiff_save(skiff_cluster* cluster, skiff_saved** saved, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Pointer("saved", saved)}));
    auto handle = std::make_unique<skiff_saved>();
    SKIFF_ASSIGN_OR_RETURN(handle->state, cluster->cluster->Save());
    *saved = handle.release();
    return absl::OkStatus();
  });
}

skiff_code skiff_restore(skiff_cluster* cluster, const skiff_saved* saved, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Pointer("saved", saved)}));
    return cluster->cluster->Restore(saved->state);
  });
}

void skiff_saved_free(skiff_saved** saved) {
  if (saved == nullptr) return;
  delete *saved;
  *saved = nullptr;
}

skiff_code skiff_inspect(skiff_cluster* cluster, char** json, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), Pointer("json", json)}));
    SKIFF_ASSIGN_OR_RETURN(const std::string text, cluster->cluster->Inspect());
    *json = skiff::capi::CopyOut(text);
    return absl::OkStatus();
  });
}

}  // extern "C"
