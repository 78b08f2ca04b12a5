#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "capi/internal.h"

using skiff::capi::Argument;
using skiff::capi::Check;
using skiff::capi::CopyOut;
using skiff::capi::Guard;
using skiff::capi::OptionalText;
using skiff::capi::OrDefault;
using skiff::capi::OrEmpty;
using skiff::capi::Pointer;
using skiff::capi::StatusOf;
using skiff::capi::Text;

struct skiff_controller {
  skiff::ControllerClient* client;
};

struct skiff_admission {
  const skiff::AdmissionReview* review;
  std::optional<std::string> object;
};

struct skiff_container {
  skiff::ContainerStart start;
  std::shared_ptr<skiff::ContainerRun> run;
};

namespace {

constexpr std::pair<const char*, skiff::AdmissionVerb> kVerbs[] = {
    {"CREATE", skiff::AdmissionVerb::kCreate},
    {"UPDATE", skiff::AdmissionVerb::kUpdate},
    {"DELETE", skiff::AdmissionVerb::kDelete},
};

// Destroyed when nothing that may call back is left.
std::shared_ptr<void> Hold(void* context, skiff_destroy_fn destroy) {
  return std::shared_ptr<void>(context, [destroy](void* held) {
    if (destroy != nullptr) destroy(held);
  });
}

std::vector<std::string> Names(const char* list) {
  return absl::StrSplit(OrEmpty(list), ',', absl::SkipWhitespace());
}

// Adds to the options, for a setter that returns nothing. `add` takes the held context.
template <typename Add>
void Extend(skiff_options* options, void* context, skiff_destroy_fn destroy, Add add) noexcept {
  try {
    std::shared_ptr<void> held = Hold(context, destroy);
    if (options != nullptr) add(&options->options.extensions, std::move(held));
  } catch (const std::bad_alloc&) {
    if (options != nullptr) options->out_of_memory = true;
  }
}

// What a callback returned: its error is freed.
absl::Status Take(skiff_code code, skiff_error* error) {
  const std::unique_ptr<skiff_error> owned(error);
  if (code == SKIFF_OK) return absl::OkStatus();
  return StatusOf(code,
                  owned == nullptr ? absl::StrCat("it returned code ", code) : owned->message);
}

absl::StatusOr<skiff::ReconcileResult> Reconcile(skiff_reconcile_fn reconcile, void* context,
                                                 skiff::ControllerClient& client,
                                                 const skiff::ReconcileRequest& request) {
  skiff_controller controller{&client};
  int64_t requeue_after_ms = -1;
  skiff_error* error = nullptr;
  const skiff_code code = reconcile(context, &controller, request.name_space.c_str(),
                                    request.name.c_str(), &requeue_after_ms, &error);
  SKIFF_RETURN_IF_ERROR(Take(code, error));
  skiff::ReconcileResult out;
  if (requeue_after_ms != -1) out.requeue_after = absl::Milliseconds(requeue_after_ms);
  return out;
}

absl::StatusOr<skiff::AdmissionVerdict> Review(skiff_review_fn review, void* context,
                                               const skiff::AdmissionReview& asked) {
  skiff_admission admission{&asked, std::nullopt};
  skiff_error* error = nullptr;
  const skiff_code code = review(context, &admission, &error);
  const bool silent = error == nullptr;
  const absl::Status status = Take(code, error);
  skiff::AdmissionVerdict out;
  if (code == SKIFF_FORBIDDEN) {
    out.allowed = false;
    if (!silent) out.message = std::string(status.message());
    return out;
  }
  SKIFF_RETURN_IF_ERROR(status);
  out.object_json = std::move(admission.object);
  return out;
}

absl::Status StartContainer(skiff_container_start_fn start, void* context,
                            const skiff::ContainerStart& what,
                            std::shared_ptr<skiff::ContainerRun> run) {
  auto container = std::make_unique<skiff_container>();
  container->start = what;
  container->run = std::move(run);
  skiff_error* error = nullptr;
  const skiff_code code = start(context, container.release(), &error);
  const absl::Status status = Take(code, error);
  return code == SKIFF_INVALID ? absl::FailedPreconditionError(status.message()) : status;
}

const char* Of(const skiff_admission* admission, std::string skiff::AdmissionReview::*field) {
  return admission == nullptr ? "" : (admission->review->*field).c_str();
}
const char* Of(const skiff_container* container, std::string skiff::ContainerStart::*field) {
  return container == nullptr ? "" : (container->start.*field).c_str();
}

// An object's text on its way out, to whoever wants it.
absl::Status Give(const absl::StatusOr<std::string>& text, char** out) {
  SKIFF_RETURN_IF_ERROR(text.status());
  if (out != nullptr) *out = CopyOut(*text);
  return absl::OkStatus();
}

absl::Status CheckWrite(const skiff_controller* controller, const char* manifest,
                        const char* name_space) {
  return Check({Pointer("controller", controller), Text("manifest", manifest),
                OptionalText("name_space", name_space)});
}

absl::Status CheckObject(const skiff_controller* controller, const char* kind,
                         const char* name_space, const char* name) {
  return Check({Pointer("controller", controller), Text("kind", kind),
                OptionalText("name_space", name_space), Text("name", name)});
}

}  // namespace

extern "C" {

skiff_error* skiff_error_new(skiff_code code, const char* message) {
  try {
    skiff_error* out = nullptr;
    const bool known = code != SKIFF_OK && skiff_code_name(code) != nullptr;
    skiff::capi::Fail(StatusOf(known ? code : SKIFF_INTERNAL, OrEmpty(message)), &out);
    return out;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void skiff_options_add_controller(skiff_options* options, const char* name, const char* kind,
                                  const char* label_selector, const char* owns,
                                  skiff_reconcile_fn reconcile, void* context,
                                  skiff_destroy_fn destroy) {
  Extend(options, context, destroy, [&](skiff::Extensions* to, std::shared_ptr<void> held) {
    skiff::Controller made;
    made.name = OrEmpty(name);
    made.kind = OrEmpty(kind);
    made.label_selector = OrEmpty(label_selector);
    made.owns = Names(owns);
    if (reconcile != nullptr) {
      made.reconcile = [reconcile, held](skiff::ControllerClient& client,
                                         const skiff::ReconcileRequest& request) {
        return Reconcile(reconcile, held.get(), client, request);
      };
    }
    to->controllers.push_back(std::move(made));
  });
}

void skiff_options_add_admission(skiff_options* options, const char* name, const char* kinds,
                                 const char* verbs, int mutating, skiff_review_fn review,
                                 void* context, skiff_destroy_fn destroy) {
  Extend(options, context, destroy, [&](skiff::Extensions* to, std::shared_ptr<void> held) {
    skiff::AdmissionHook made;
    made.name = OrEmpty(name);
    made.kinds = Names(kinds);
    made.mutating = mutating != 0;
    for (const std::string& verb : Names(verbs)) {
      const auto* known = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                       [&](const auto& each) { return each.first == verb; });
      if (known != std::end(kVerbs)) {
        made.verbs.push_back(known->second);
      } else if (options->wrong.empty()) {
        options->wrong = absl::StrCat("admission hook \"", made.name, "\": \"", verb,
                                      "\" is not one of CREATE, UPDATE, DELETE");
      }
    }
    if (review != nullptr) {
      made.review = [review, held](const skiff::AdmissionReview& asked) {
        return Review(review, held.get(), asked);
      };
    }
    to->admission.push_back(std::move(made));
  });
}

void skiff_options_add_runtime(skiff_options* options, const char* name,
                               skiff_container_start_fn start, skiff_container_stop_fn stop,
                               void* context, skiff_destroy_fn destroy) {
  Extend(options, context, destroy, [&](skiff::Extensions* to, std::shared_ptr<void> held) {
    skiff::CustomRuntime made;
    made.name = OrEmpty(name);
    if (start != nullptr) {
      made.start = [start, held](const skiff::ContainerStart& what,
                                 std::shared_ptr<skiff::ContainerRun> run) {
        return StartContainer(start, held.get(), what, std::move(run));
      };
    }
    if (stop != nullptr) {
      made.stop = [stop, held](const std::string& id, bool force) {
        stop(held.get(), id.c_str(), force ? 1 : 0);
      };
    }
    to->runtimes.push_back(std::move(made));
  });
}

skiff_code skiff_controller_get(skiff_controller* controller, const char* kind,
                                const char* name_space, const char* name, char** object,
                                skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(CheckObject(controller, kind, name_space, name));
    SKIFF_RETURN_IF_ERROR(Check({Pointer("object", object)}));
    return Give(controller->client->Get({kind, OrDefault(name_space), name}), object);
  });
}

skiff_code skiff_controller_list(skiff_controller* controller, const char* kind,
                                 const char* name_space, const char* label_selector,
                                 const char* field_selector, char** list, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check(
        {Pointer("controller", controller), Text("kind", kind),
         OptionalText("name_space", name_space), OptionalText("label_selector", label_selector),
         OptionalText("field_selector", field_selector), Pointer("list", list)}));
    return Give(controller->client->List(
                    {kind, OrEmpty(name_space), OrEmpty(label_selector), OrEmpty(field_selector)}),
                list);
  });
}

skiff_code skiff_controller_apply(skiff_controller* controller, const char* manifest,
                                  const char* name_space, char** applied, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(CheckWrite(controller, manifest, name_space));
    SKIFF_ASSIGN_OR_RETURN(const std::vector<skiff::Applied> done,
                           controller->client->Apply(manifest, OrDefault(name_space)));
    if (applied != nullptr) *applied = CopyOut(skiff::capi::AppliedJson(done));
    return absl::OkStatus();
  });
}

skiff_code skiff_controller_create(skiff_controller* controller, const char* manifest,
                                   const char* name_space, char** created, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(CheckWrite(controller, manifest, name_space));
    return Give(controller->client->Create(manifest, OrDefault(name_space)), created);
  });
}

skiff_code skiff_controller_update(skiff_controller* controller, const char* manifest,
                                   const char* name_space, char** updated, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(CheckWrite(controller, manifest, name_space));
    return Give(controller->client->Update(manifest, OrDefault(name_space)), updated);
  });
}

skiff_code skiff_controller_update_status(skiff_controller* controller, const char* manifest,
                                          const char* name_space, char** updated,
                                          skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(CheckWrite(controller, manifest, name_space));
    return Give(controller->client->UpdateStatus(manifest, OrDefault(name_space)), updated);
  });
}

skiff_code skiff_controller_delete(skiff_controller* controller, const char* kind,
                                   const char* name_space, const char* name,
                                   int64_t grace_period_ms, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(CheckObject(controller, kind, name_space, name));
    return controller->client->Delete({kind, OrDefault(name_space), name},
                                      skiff::capi::GraceSeconds(grace_period_ms));
  });
}

skiff_code skiff_controller_record_event(skiff_controller* controller, const char* kind,
                                         const char* name_space, const char* name, const char* type,
                                         const char* reason, const char* message,
                                         skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(CheckObject(controller, kind, name_space, name));
    SKIFF_RETURN_IF_ERROR(
        Check({Text("type", type), Text("reason", reason), Text("message", message)}));
    return controller->client->RecordEvent({kind, OrDefault(name_space), name}, type, reason,
                                           message);
  });
}

int64_t skiff_controller_now_ms(const skiff_controller* controller) {
  return controller == nullptr ? 0 : absl::ToUnixMillis(controller->client->Now());
}

const char* skiff_admission_verb(const skiff_admission* admission) {
  if (admission == nullptr) return "";
  for (const auto& [name, verb] : kVerbs) {
    if (verb == admission->review->verb) return name;
  }
  return "";
}
const char* skiff_admission_kind(const skiff_admission* admission) {
  return Of(admission, &skiff::AdmissionReview::kind);
}
const char* skiff_admission_namespace(const skiff_admission* admission) {
  return Of(admission, &skiff::AdmissionReview::name_space);
}
const char* skiff_admission_name(const skiff_admission* admission) {
  return Of(admission, &skiff::AdmissionReview::name);
}
const char* skiff_admission_object(const skiff_admission* admission) {
  return Of(admission, &skiff::AdmissionReview::object_json);
}
const char* skiff_admission_old_object(const skiff_admission* admission) {
  return Of(admission, &skiff::AdmissionReview::old_object_json);
}
int skiff_admission_dry_run(const skiff_admission* admission) {
  return admission != nullptr && admission->review->dry_run ? 1 : 0;
}

skiff_code skiff_admission_set_object(skiff_admission* admission, const char* object,
                                      skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("admission", admission), Text("object", object)}));
    admission->object = object;
    return absl::OkStatus();
  });
}

const char* skiff_container_id(const skiff_container* container) {
  return Of(container, &skiff::ContainerStart::id);
}
const char* skiff_container_node(const skiff_container* container) {
  return Of(container, &skiff::ContainerStart::node);
}
const char* skiff_container_pod(const skiff_container* container) {
  return Of(container, &skiff::ContainerStart::pod_json);
}
const char* skiff_container_spec(const skiff_container* container) {
  return Of(container, &skiff::ContainerStart::container_json);
}

skiff_code skiff_container_running(skiff_container* container, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("container", container)}));
    container->run->Running();
    return absl::OkStatus();
  });
}

skiff_code skiff_container_exited(skiff_container* container, int exit_code, const char* message,
                                  skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(
        Check({Pointer("container", container), OptionalText("message", message)}));
    container->run->Exited(exit_code, OrEmpty(message));
    return absl::OkStatus();
  });
}

skiff_code skiff_container_write_log(skiff_container* container, const char* data, size_t size,
                                     skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("container", container)}));
    if (size == 0) return absl::OkStatus();
    SKIFF_RETURN_IF_ERROR(Check({Pointer("data", data)}));
    container->run->WriteLog(std::string(data, size));
    return absl::OkStatus();
  });
}

void skiff_container_free(skiff_container** container) {
  if (container == nullptr) return;
  delete *container;
  *container = nullptr;
}

}  // extern "C"
