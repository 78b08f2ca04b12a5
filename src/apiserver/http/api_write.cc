// ApiHandler's writes.
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/codec.h"
#include "api/errors.h"
#include "api/json_value.h"
#include "api/scale.h"
#include "apiserver/auth/reviews.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/api_handler.h"
#include "apiserver/http/field_owner.h"
#include "base/status.h"
#include "k8s.io/api/policy/v1/generated.pb.h"

namespace skiff::apiserver::http {
namespace {

absl::StatusOr<FieldValidation> ReadValidation(const Request& request) {
  const absl::string_view value = request.Query("fieldValidation");
  if (value.empty() || value == "Warn") return FieldValidation::kWarn;
  if (value == "Strict") return FieldValidation::kStrict;
  if (value == "Ignore") return FieldValidation::kIgnore;
  return api::BadRequest(absl::StrCat("fieldValidation: Unsupported value: \"", value,
                                      "\": supported values: \"Ignore\", \"Strict\", \"Warn\""));
}

absl::StatusOr<bool> ReadDryRun(const Request& request) {
  bool dry_run = false;
  for (const auto& [name, value] : request.query) {
    if (name != "dryRun") continue;
    if (value != "All") {
      return api::BadRequest(
          absl::StrCat("dryRun: Unsupported value: \"", value, "\": supported values: \"All\""));
    }
    dry_run = true;
  }
  return dry_run;
}

// Of the body; of any case.
absl::string_view MediaType(const Request& request) {
  const absl::string_view header = request.Header("content-type");
  return absl::StripAsciiWhitespace(header.substr(0, header.find(';')));
}

bool IsOfType(const Request& request, absl::string_view media_type) {
  return absl::EqualsIgnoreCase(MediaType(request), media_type);
}

// A body as JSON, which is the body itself or in `converted`; protobuf is handled before.
absl::StatusOr<absl::string_view> BodyJson(const Request& request, std::string* converted) {
  if (MediaType(request).empty() || IsOfType(request, "application/json")) return request.body;
  if (IsOfType(request, "application/yaml")) {
    auto documents = api::YamlToJson(request.body);
    if (!documents.ok()) return api::BadRequest(documents.status().message());
    if (documents->size() != 1) {
      return api::BadRequest("the YAML body must hold exactly one document");
    }
    *converted = std::move(documents->front());
    return *converted;
  }
  return api::UnsupportedMediaType(absl::StrCat(
      "the body of the request was in an unknown format - accepted media types include: "
      "application/json, application/yaml, application/vnd.kubernetes.protobuf (got ",
      absl::AsciiStrToLower(MediaType(request)), ")"));
}

absl::Status CheckType(absl::string_view api_version, absl::string_view kind,
                       absl::string_view want_version, absl::string_view want_kind) {
  if (!kind.empty() && kind != want_kind) {
    return api::BadRequest(absl::StrCat("the kind in the data (", kind,
                                        ") does not match the expected kind (", want_kind, ")"));
  }
  // Options come under the version of any group.
  if (!want_version.empty() && !api_version.empty() && api_version != want_version) {
    return api::BadRequest(absl::StrCat("the API version in the data (", api_version,
                                        ") does not match the expected API version (", want_version,
                                        ")"));
  }
  return absl::OkStatus();
}

// The body as a message of the type that the endpoint takes.
absl::StatusOr<api::MessagePtr> DecodeBody(const Request& request,
                                           const google::protobuf::Message& prototype,
                                           absl::string_view api_version, absl::string_view kind,
                                           FieldValidation validation,
                                           std::vector<std::string>* warnings) {
  api::MessagePtr message(prototype.New());
  if (IsOfType(request, "application/vnd.kubernetes.protobuf")) {
    const auto envelope = api::OpenEnvelope(request.body);
    if (!envelope.ok()) return api::BadRequest(envelope.status().message());
    SKIFF_RETURN_IF_ERROR(CheckType(envelope->api_version, envelope->kind, api_version, kind));
    const absl::Status decoded = api::DecodeProtobuf(envelope->raw, message.get());
    if (!decoded.ok()) return api::BadRequest(decoded.message());
    return message;
  }
  std::string converted;
  SKIFF_ASSIGN_OR_RETURN(const absl::string_view json, BodyJson(request, &converted));
  api::DecodeNotes notes;
  const absl::Status decoded = api::DecodeJson(json, message.get(), &notes);
  if (!decoded.ok()) {
    // An object of another kind is told so, and not which of its fields this kind does not have.
    const auto type = api::ReadTypeMeta(json);
    if (!type.ok()) return api::BadRequest(type.status().message());
    SKIFF_RETURN_IF_ERROR(CheckType(type->api_version, type->kind, api_version, kind));
    return api::BadRequest(absl::StrCat(kind, " in version \"", api_version,
                                        "\" cannot be handled as a ", kind, ": ",
                                        decoded.message()));
  }
  SKIFF_RETURN_IF_ERROR(CheckType(notes.type.api_version, notes.type.kind, api_version, kind));
  if (validation == FieldValidation::kStrict && !notes.unknown_or_duplicate.empty()) {
    return api::BadRequest(
        absl::StrCat(kind, " in version \"", api_version, "\" cannot be handled as a ", kind,
                     ": strict decoding error: ", absl::StrJoin(notes.unknown_or_duplicate, ", ")));
  }
  if (validation == FieldValidation::kWarn) *warnings = std::move(notes.unknown_or_duplicate);
  return message;
}

struct WriteQuery {
  FieldValidation validation = FieldValidation::kWarn;
  bool dry_run = false;
  Format format;
  std::string manager;
  bool force = false;
};

bool IsApply(const Request& request) { return IsOfType(request, "application/apply-patch+yaml"); }

// Who writes, and whether by force. `options`: what the verb calls its options, "PatchOptions".
absl::Status ReadManager(const Request& request, absl::string_view options, WriteQuery* out) {
  using Kind = api::FieldError::Kind;
  std::vector<api::FieldError> errors;
  const bool apply = IsApply(request);
  const absl::string_view manager = request.Query("fieldManager");
  if (options == "PatchOptions") {
    const absl::string_view force = request.Query("force");
    const bool given = request.HasQuery("force");
    out->force = given && force != "0" && !absl::EqualsIgnoreCase(force, "false");
    if (!apply && given) {
      errors.push_back({Kind::kForbidden, "force", "", "may not be specified for non-apply patch"});
    }
    if (apply && manager.empty()) {
      errors.push_back({Kind::kRequired, "fieldManager", "", "is required for apply patch"});
    }
  }
  CheckFieldManager(manager, &errors);
  if (!errors.empty()) {
    api::ResourceInfo resource{};
    resource.group = "meta.k8s.io";
    resource.kind = options;
    return api::Invalid(resource, "", errors);
  }
  out->manager =
      manager.empty() ? FieldManagerOfAgent(request.Header("user-agent")) : std::string(manager);
  return absl::OkStatus();
}

absl::StatusOr<WriteQuery> ReadQuery(const Request& request, absl::string_view options) {
  WriteQuery out;
  SKIFF_ASSIGN_OR_RETURN(out.validation, ReadValidation(request));
  SKIFF_ASSIGN_OR_RETURN(out.dry_run, ReadDryRun(request));
  SKIFF_RETURN_IF_ERROR(ReadManager(request, options, &out));
  Offer offer;
  offer.table = offer.partial = true;
  SKIFF_ASSIGN_OR_RETURN(out.format, Negotiate(request.Header("accept"), offer));
  return out;
}

metav1::Status Success(int code) {
  metav1::Status out;
  out.mutable_metadata();
  out.set_status("Success");
  out.set_code(code);
  return out;
}

// Kind and version of what a path takes: the resource itself, or what its subresource speaks of.
struct BodyType {
  const google::protobuf::Message* prototype;
  std::string api_version;
  std::string kind;
};

BodyType BodyTypeOf(const api::ResourceInfo& resource, const std::string& subresource) {
  if (subresource == "scale") {
    return {&autoscalingv1::Scale::default_instance(), "autoscaling/v1", "Scale"};
  }
  if (subresource == "binding") return {&corev1::Binding::default_instance(), "v1", "Binding"};
  if (subresource == "eviction") {
    return {&policyv1::Eviction::default_instance(), "policy/v1", "Eviction"};
  }
  return {resource.prototype, resource.api_version(), std::string(resource.kind)};
}

}  // namespace

void ApiHandler::Create(const ExchangePtr& exchange, const Target& target) {
  const Request& request = exchange->request();
  if (!target.name.empty() && target.subresource.empty()) {
    return SendError(*exchange, api::MethodNotSupported(*target.resource, "create"));
  }
  const auto query = ReadQuery(request, "CreateOptions");
  if (!query.ok()) return SendError(*exchange, query.status());
  const BodyType type = BodyTypeOf(*target.resource, target.subresource);
  std::vector<std::string> warnings;
  auto message = DecodeBody(request, *type.prototype, type.api_version, type.kind,
                            query->validation, &warnings);
  if (!message.ok()) return SendError(*exchange, message.status());
  if (target.resource->namespaced && target.name_space.empty()) {
    return SendError(*exchange,
                     api::BadRequest("an empty namespace may not be set during creation"));
  }
  if (IsReview(*target.resource)) {
    const absl::Status answered = AnswerReview(access_->authenticator, *access_->authorizer,
                                               *target.user, target.name_space, message->get());
    if (!answered.ok()) return SendError(*exchange, answered);
    return SendObject(*exchange, 201, api::Object::Make(*std::move(message)), query->format,
                      loop_->clock().Now(), warnings);
  }
  client::Write write;
  write.verb = client::Write::Verb::kCreate;
  write.resource = target.resource;
  write.name_space = target.name_space;
  write.name = target.name;
  write.subresource = target.subresource;
  write.object = *std::move(message);
  write.manager = query->manager;
  // What is done to the pod, and not made.
  const bool binding = target.subresource == "binding";
  const bool eviction = target.subresource == "eviction";
  if (binding) write.uid = api::MetaOf(*write.object)->uid();
  bool dry_run = query->dry_run;
  if (eviction) {
    const auto& options = static_cast<const policyv1::Eviction&>(*write.object).delete_options();
    dry_run = dry_run || !options.dry_run().empty();
  }
  std::vector<client::Write> writes;
  writes.push_back(std::move(write));
  server_->Write(std::move(writes), {.dry_run = dry_run}, loop_,
                 [exchange, format = query->format, warnings = std::move(warnings), this,
                  alive = alive_, done = binding || eviction](absl::StatusOr<Written> written) {
                   if (!*alive) return;
                   if (!written.ok()) return SendError(*exchange, written.status());
                   if (done)
                     return SendMessage(*exchange, 201, Success(201), "v1", "Status", format);
                   SendObject(*exchange, 201, written->items[0].object, format,
                              loop_->clock().Now(), warnings);
                 });
}

void ApiHandler::Update(const ExchangePtr& exchange, const Target& target) {
  const auto query = ReadQuery(exchange->request(), "UpdateOptions");
  if (!query.ok()) return SendError(*exchange, query.status());
  const auto make = [exchange, target, validation = query->validation, manager = query->manager](
                        std::vector<std::string>* warnings) -> absl::StatusOr<client::Write> {
    const BodyType type = BodyTypeOf(*target.resource, target.subresource);
    client::Write write;
    SKIFF_ASSIGN_OR_RETURN(
        write.object, DecodeBody(exchange->request(), *type.prototype, type.api_version, type.kind,
                                 validation, warnings));
    write.verb = client::Write::Verb::kUpdate;
    write.resource = target.resource;
    write.name_space = target.name_space;
    write.name = target.name;
    write.subresource = target.subresource;
    write.manager = manager;
    return write;
  };
  std::vector<std::string> warnings;
  auto write = make(&warnings);
  if (!write.ok()) return SendError(*exchange, write.status());
  std::vector<client::Write> writes;
  writes.push_back(*std::move(write));
  WriteOptions options;
  options.dry_run = query->dry_run;
  options.again = [make] {
    std::vector<std::string> known;
    return make(&known);
  };
  server_->Write(
      std::move(writes), std::move(options), loop_,
      [exchange, format = query->format, warnings = std::move(warnings), this, alive = alive_,
       scale = target.subresource == "scale"](absl::StatusOr<Written> written) {
        if (!*alive) return;
        if (!written.ok()) return SendError(*exchange, written.status());
        const api::ObjectPtr& object = written->items[0].object;
        if (scale) {
          return SendMessage(*exchange, 200, api::ScaleOf(*object), "autoscaling/v1", "Scale",
                             format);
        }
        SendObject(*exchange, 200, object, format, loop_->clock().Now(), warnings);
      });
}

void ApiHandler::Patch(const ExchangePtr& exchange, const Target& target) {
  const Request& request = exchange->request();
  PatchRequest patch;
  if (IsOfType(request, "application/json-patch+json")) {
    patch.type = PatchType::kJson;
  } else if (IsOfType(request, "application/merge-patch+json")) {
    patch.type = PatchType::kMerge;
  } else if (IsOfType(request, "application/strategic-merge-patch+json")) {
    patch.type = PatchType::kStrategic;
  } else if (IsApply(request)) {
    patch.type = PatchType::kApply;
  } else {
    return SendError(*exchange,
                     api::UnsupportedMediaType(absl::StrCat(
                         "the body of the request was in an unknown format (",
                         absl::AsciiStrToLower(MediaType(request)),
                         ") - accepted media types include: application/json-patch+json, "
                         "application/merge-patch+json, application/strategic-merge-patch+json, "
                         "application/apply-patch+yaml")));
  }
  const auto query = ReadQuery(request, "PatchOptions");
  if (!query.ok()) return SendError(*exchange, query.status());
  patch.resource = target.resource;
  patch.name_space = target.name_space;
  patch.name = target.name;
  patch.subresource = target.subresource;
  patch.body = request.body;
  patch.validation = query->validation;
  patch.dry_run = query->dry_run;
  patch.manager = query->manager;
  patch.force = query->force;
  if (patch.type == PatchType::kApply) {
    patch.may_create = [exchange, access = access_, user = target.user] {
      const Request& asked = exchange->request();
      RequestInfo info = InfoOf(asked);
      info.verb = "create";
      return access->Permit(AttributesOf(*user, info, asked.path));
    };
  }
  server_->Patch(std::move(patch), loop_,
                 [exchange, format = query->format, this, alive = alive_,
                  scale = target.subresource == "scale"](absl::StatusOr<Patched> patched) {
                   if (!*alive) return;
                   if (!patched.ok()) return SendError(*exchange, patched.status());
                   if (scale) {
                     return SendMessage(*exchange, 200, api::ScaleOf(*patched->object),
                                        "autoscaling/v1", "Scale", format);
                   }
                   SendObject(*exchange, patched->created ? 201 : 200, patched->object, format,
                              loop_->clock().Now(), patched->warnings);
                 });
}

namespace {

// Options of a deletion: from the body, or from the query where the body says nothing.
absl::StatusOr<metav1::DeleteOptions> ReadDeleteOptions(const Request& request) {
  metav1::DeleteOptions out;
  if (!request.body.empty()) {
    std::vector<std::string> ignored;
    SKIFF_ASSIGN_OR_RETURN(const api::MessagePtr message,
                           DecodeBody(request, metav1::DeleteOptions::default_instance(), "",
                                      "DeleteOptions", FieldValidation::kIgnore, &ignored));
    out.CopyFrom(*message);
  }
  if (const absl::string_view grace = request.Query("gracePeriodSeconds"); !grace.empty()) {
    int64_t seconds = 0;
    if (!absl::SimpleAtoi(grace, &seconds)) {
      return api::BadRequest(absl::StrCat("gracePeriodSeconds: Invalid value: \"", grace, "\""));
    }
    out.set_grace_period_seconds(seconds);
  }
  if (const absl::string_view policy = request.Query("propagationPolicy"); !policy.empty()) {
    out.set_propagation_policy(std::string(policy));
  }
  if (out.has_orphan_dependents() && !out.has_propagation_policy()) {
    out.set_propagation_policy(out.orphan_dependents() ? "Orphan" : "Background");
  }
  return out;
}

absl::StatusOr<client::Write> DeletionOf(const api::ResourceInfo& resource,
                                         const std::string& name_space, const std::string& name,
                                         const metav1::DeleteOptions& options) {
  client::Write write;
  write.verb = client::Write::Verb::kDelete;
  write.resource = &resource;
  write.name_space = name_space;
  write.name = name;
  if (options.has_grace_period_seconds()) {
    write.grace_period_seconds = options.grace_period_seconds();
  }
  write.propagation_policy = options.propagation_policy();
  write.uid = options.preconditions().uid();
  const std::string& version = options.preconditions().resource_version();
  if (!version.empty() && !absl::SimpleAtoi(version, &write.if_revision)) {
    return api::BadRequest("preconditions.resourceVersion: want a number");
  }
  return write;
}

// Clients that do not say what becomes of a job's pods are told.
std::vector<std::string> DeletionWarnings(const api::ResourceInfo& resource,
                                          const metav1::DeleteOptions& options) {
  if (&resource != &api::ResourceOf<batchv1::Job>() || options.has_propagation_policy()) return {};
  return {
      "child pods are preserved by default when jobs are deleted; set "
      "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress "
      "this warning"};
}

}  // namespace

void ApiHandler::Delete(const ExchangePtr& exchange, const Target& target) {
  const Request& request = exchange->request();
  const auto query = ReadQuery(request, "DeleteOptions");
  if (!query.ok()) return SendError(*exchange, query.status());
  const auto options = ReadDeleteOptions(request);
  if (!options.ok()) return SendError(*exchange, options.status());
  auto write = DeletionOf(*target.resource, target.name_space, target.name, *options);
  if (!write.ok()) return SendError(*exchange, write.status());
  std::vector<client::Write> writes;
  writes.push_back(*std::move(write));
  const bool dry_run = query->dry_run || !options->dry_run().empty();
  server_->Write(
      std::move(writes), {.dry_run = dry_run}, loop_,
      [exchange, format = query->format, warnings = DeletionWarnings(*target.resource, *options),
       this, alive = alive_](absl::StatusOr<Written> written) {
        if (!*alive) return;
        if (!written.ok()) return SendError(*exchange, written.status());
        const Written::Item& item = written->items[0];
        const bool pod = &item.object->resource() == &api::ResourceOf<corev1::Pod>();
        if (item.removed && !pod) {
          return SendMessage(*exchange, 200, SuccessStatus(*item.object), "v1", "Status", format,
                             warnings);
        }
        SendObject(*exchange, 200, item.object, format, loop_->clock().Now(), warnings);
      });
}

void ApiHandler::DeleteCollection(const ExchangePtr& exchange, const Target& target) {
  const Request& request = exchange->request();
  const auto query = ReadQuery(request, "DeleteOptions");
  if (!query.ok()) return SendError(*exchange, query.status());
  const auto options = ReadDeleteOptions(request);
  if (!options.ok()) return SendError(*exchange, options.status());
  DeleteCollectionRequest deletion;
  deletion.resource = target.resource;
  deletion.list.name_space = target.name_space;
  deletion.list.label_selector = std::string(request.Query("labelSelector"));
  deletion.list.field_selector = std::string(request.Query("fieldSelector"));
  if (options->has_grace_period_seconds()) {
    deletion.grace_period_seconds = options->grace_period_seconds();
  }
  deletion.propagation_policy = options->propagation_policy();
  deletion.dry_run = query->dry_run || !options->dry_run().empty();
  server_->DeleteCollection(
      std::move(deletion), loop_,
      [exchange, format = query->format, warnings = DeletionWarnings(*target.resource, *options),
       alive = alive_](absl::StatusOr<Written> written) {
        if (!*alive) return;
        if (!written.ok()) return SendError(*exchange, written.status());
        SendMessage(*exchange, 200, Success(200), "v1", "Status", format, warnings);
      });
}

}  // namespace skiff::apiserver::http
