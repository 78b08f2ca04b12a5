#include "api/managed_fields.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/errors.h"
#include "api/field_merge.h"
#include "api/object.h"
#include "api/time.h"
#include "base/status.h"

namespace skiff::api {
namespace {

using google::protobuf::Message;
using Entry = metav1::ManagedFieldsEntry;

// Beyond so many updaters of an object, the oldest are told apart no more.
constexpr size_t kMaxUpdaters = 10;
constexpr absl::string_view kAncient = "ancient-changes";
constexpr absl::string_view kBeforeFirstApply = "before-first-apply";
constexpr absl::string_view kKubectl = "kubectl";
constexpr absl::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";
// What all annotations of an object may have together, and Kubernetes' names for it.
constexpr size_t kMaxAnnotationBytes = 256 * 1024;

const FieldSet& Nothing() {
  static const FieldSet* const kSet = new FieldSet();
  return *kSet;
}

const FieldSet& NeverOwnedBy(const FieldWrite& write) {
  static const FieldSet* const kSet = new FieldSet(NeverOwned({}));
  return write.never_owned != nullptr ? *write.never_owned : *kSet;
}

// Without what is a field, and nobody's, though others are below it.
FieldSet Owned(FieldSet fields) {
  static const FieldSet* const kMetadata = [] {
    auto* set = new FieldSet();
    set->Insert({PathStep::Field("metadata")});
    return set;
  }();
  const FieldSet::Node* node = fields.Find(PathStep::Field("metadata"));
  return node != nullptr && node->member ? fields.Difference(*kMetadata) : fields;
}

absl::string_view NameOf(const FieldWrite& write) {
  return write.manager.empty() ? absl::string_view("unknown") : absl::string_view(write.manager);
}

bool IsApply(const Entry& entry) { return entry.operation() == "Apply"; }

// Appliers are one whatever version they apply in.
auto IdentityOf(const FieldManager& manager) {
  return std::make_tuple(absl::string_view(manager.name), manager.applies,
                         manager.applies ? absl::string_view() : manager.api_version,
                         absl::string_view(manager.subresource));
}

absl::Status CheckEntry(const Entry& entry, int index) {
  if (!IsApply(entry) && entry.operation() != "Update") {
    return absl::InvalidArgumentError("operation must be `Apply` or `Update`");
  }
  if (entry.api_version().empty()) {
    return absl::InvalidArgumentError("apiVersion must not be empty");
  }
  if (entry.fields_type().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("missing fieldsType in managed fields entry ", index));
  }
  if (entry.fields_type() != "FieldsV1") {
    return absl::InvalidArgumentError(absl::StrCat("invalid fieldsType \"", entry.fields_type(),
                                                   "\" in managed fields entry ", index));
  }
  return absl::OkStatus();
}

int64_t SecondsOf(const Entry& entry) { return entry.time().seconds(); }

// The order in which entries are shown.
bool Before(const Entry& a, const Entry& b) {
  if (a.operation() != b.operation()) return a.operation() < b.operation();
  if (SecondsOf(a) != SecondsOf(b)) return SecondsOf(a) < SecondsOf(b);
  return std::tie(a.manager(), a.api_version(), a.subresource()) <
         std::tie(b.manager(), b.api_version(), b.subresource());
}

void Sort(ManagedFieldsEntries* entries) {
  std::sort(entries->pointer_begin(), entries->pointer_end(),
            [](const Entry* a, const Entry* b) { return Before(*a, *b); });
}

// `fields`: the manager's, as JSON.
void FillEntry(const FieldManager& manager, std::string fields, Entry* entry) {
  entry->set_manager(manager.name);
  entry->set_operation(manager.applies ? "Apply" : "Update");
  entry->set_api_version(manager.api_version);
  if (manager.time.has_value()) *entry->mutable_time() = MakeTime(*manager.time);
  entry->set_fields_type("FieldsV1");
  entry->mutable_fields_v1()->set_raw(std::move(fields));
  if (!manager.subresource.empty()) entry->set_subresource(manager.subresource);
}

bool SameEntry(const Entry& a, const Entry& b) {
  return a.fields_v1().raw() == b.fields_v1().raw() && a.manager() == b.manager() &&
         a.operation() == b.operation() && a.api_version() == b.api_version() &&
         a.subresource() == b.subresource() && a.fields_type() == b.fields_type();
}

bool SameEntries(const ManagedFieldsEntries& a, const ManagedFieldsEntries& b) {
  return SameButTimes(a, b) &&
         std::equal(a.begin(), a.end(), b.begin(), [](const Entry& x, const Entry& y) {
           return x.has_time() == y.has_time() && SecondsOf(x) == SecondsOf(y);
         });
}

bool IsReset(const ManagedFieldsEntries& entries) {
  return entries.size() == 1 && entries[0].ByteSizeLong() == 0;
}

void DropEmpty(FieldManagers* managers) {
  managers->erase(std::remove_if(managers->begin(), managers->end(),
                                 [](const FieldManager& m) { return m.fields.empty(); }),
                  managers->end());
}

// Merges the oldest updaters of a version into one until there are few enough.
void MergeOldest(FieldManagers* managers) {
  std::vector<FieldManager*> updaters;
  for (FieldManager& manager : *managers) {
    if (!manager.applies) updaters.push_back(&manager);
  }
  const auto age = [](const FieldManager* manager) {
    return std::make_tuple(manager->time.has_value() ? absl::ToUnixSeconds(*manager->time) : 0,
                           IdentityOf(*manager));
  };
  std::sort(updaters.begin(), updaters.end(),
            [&](const auto* a, const auto* b) { return age(a) < age(b); });
  std::vector<FieldManager*> buckets;  // The first of each version.
  size_t left = updaters.size();
  for (FieldManager* manager : updaters) {
    if (left <= kMaxUpdaters) break;
    const auto bucket = std::find_if(buckets.begin(), buckets.end(), [&](const auto* candidate) {
      return candidate->api_version == manager->api_version;
    });
    if (bucket == buckets.end()) {
      buckets.push_back(manager);
      continue;
    }
    (*bucket)->name = std::string(kAncient);
    (*bucket)->subresource.clear();
    (*bucket)->fields = (*bucket)->fields.Union(manager->fields);
    (*bucket)->time = manager->time;
    manager->fields = FieldSet();
    --left;
  }
  DropEmpty(managers);
}

// The changes of a write, entered into the entries as they are stored: most of them are not
// touched, and so not read.
class Recorder {
 public:
  Recorder(const FieldWrite& write, const FieldChanges& changes, ManagedFieldsEntries* entries)
      : write_(write), changes_(changes), entries_(*entries) {}

  void Run() {
    const bool writes = changes_.written() > 0;
    bool found = false;
    bool changed = false;
    for (Entry& entry : entries_) {
      if (writes && IsOwn(entry)) {
        found = changed = true;
        Extend(&entry);
      } else {
        changed = TakeFrom(&entry) || changed;
      }
    }
    for (int i = entries_.size() - 1; changed && i >= 0; --i) {
      if (entries_[i].fields_v1().raw() == "{}") entries_.DeleteSubrange(i, 1);
    }
    if (writes && !found) AddOwn();
    if (entries_.size() > 1) Sort(&entries_);
  }

 private:
  bool IsOwn(const Entry& entry) const {
    return entry.manager() == NameOf(write_) && entry.subresource() == write_.subresource &&
           entry.operation() == "Update" && entry.api_version() == write_.api_version;
  }

  FieldChanges::Counts CountIn(const Entry& entry) const {
    return changes_.CountIn(entry.fields_v1().raw()).value_or(FieldChanges::Counts());
  }

  // Stored entries are always of good form.
  static FieldSet Fields(const Entry& entry) {
    auto set = FieldSet::Parse(entry.fields_v1().raw());
    return set.ok() ? *std::move(set) : FieldSet();
  }

  void Extend(Entry* entry) const {
    *entry->mutable_time() = MakeTime(write_.now);
    const FieldChanges::Counts counts = CountIn(*entry);
    if (counts.written == changes_.written() && counts.removed == 0) return;
    entry->mutable_fields_v1()->set_raw(Fields(*entry)
                                            .Difference(changes_.Set(FieldChanges::kRemoved))
                                            .Union(changes_.Set(FieldChanges::kWritten))
                                            .ToJson());
  }

  bool TakeFrom(Entry* entry) const {
    const FieldChanges::Counts counts = CountIn(*entry);
    if (counts.written == 0 && counts.removed == 0) return false;
    entry->mutable_fields_v1()->set_raw(Fields(*entry)
                                            .Difference(changes_.Set(FieldChanges::kWritten))
                                            .Difference(changes_.Set(FieldChanges::kRemoved))
                                            .ToJson());
    return true;
  }

  void AddOwn() {
    Entry* own = entries_.Add();
    FillEntry({std::string(NameOf(write_)),
               false,
               write_.api_version,
               write_.subresource,
               write_.now,
               {}},
              changes_.ToJson(FieldChanges::kWritten), own);
    size_t updaters = 0;
    for (const Entry& entry : entries_) updaters += IsApply(entry) ? 0 : 1;
    if (updaters <= kMaxUpdaters) return;
    auto managers = DecodeManagedFields(entries_);
    if (!managers.ok()) return;
    MergeOldest(&*managers);
    EncodeManagedFields(*std::move(managers), &entries_);
  }

  const FieldWrite& write_;
  const FieldChanges& changes_;
  ManagedFieldsEntries& entries_;
};

// What a client wrote as managedFields, made the entries to go on from. False: the object is not
// managed.
bool SettleEntries(const FieldWrite& write, const metav1::ObjectMeta& old,
                   metav1::ObjectMeta* now) {
  ManagedFieldsEntries* entries = now->mutable_managed_fields();
  if (!SameEntries(*entries, old.managed_fields())) {
    if (write.subresource.empty() && IsReset(*entries)) {
      entries->Clear();
    } else {
      auto managers = DecodeManagedFields(*entries);
      if (!write.subresource.empty() || !managers.ok() || managers->empty()) {
        *entries = old.managed_fields();
      } else {
        EncodeManagedFields(*std::move(managers), entries);
      }
    }
  }
  return !entries->empty() || old.uid().empty();
}

// One apply, step by step.
class Applier {
 public:
  explicit Applier(ApplyRequest request)
      : request_(std::move(request)), type_(*request_.type), never_(NeverOwnedBy(request_.write)) {
    own_.name = std::string(NameOf(request_.write));
    own_.applies = true;
    own_.api_version = request_.write.api_version;
    own_.subresource = request_.write.subresource;
  }

  absl::StatusOr<Applied> Run() {
    SKIFF_RETURN_IF_ERROR(Check(*request_.config, false, "patch"));
    SKIFF_RETURN_IF_ERROR(Check(*request_.live, true, "live"));
    if (request_.managers.empty()) SKIFF_RETURN_IF_ERROR(NoteWhatWasThere());
    for (FieldManager& manager : request_.managers) {
      manager.fields = FitToSchema(type_, manager.fields);
    }
    Applied out;
    out.object = MergeDocuments(type_, *request_.live, *request_.config);
    own_.fields = Owned(FieldsOf(type_, *request_.config).RecursiveDifference(never_));
    SKIFF_RETURN_IF_ERROR(TakeOut(&out.object));
    FieldChanges changes;
    SKIFF_RETURN_IF_ERROR(CompareFields(type_, *request_.live, out.object, never_, &changes));
    SKIFF_RETURN_IF_ERROR(Settle(changes));
    if (out.object != *request_.live) own_.time = request_.write.now;
    out.managers = std::move(request_.managers);
    if (!own_.fields.empty()) out.managers.push_back(std::move(own_));
    UpdateLastApplied(&out.object);
    return out;
  }

 private:
  absl::Status Check(const JsonValue& document, bool duplicates, absl::string_view what) const {
    const absl::Status status = CheckDocument(type_, document, duplicates);
    if (status.ok()) return status;
    const bool core = !absl::StrContains(request_.write.api_version, '/');
    metav1::Status out;
    out.set_status("Failure");
    out.set_code(500);
    out.set_message(absl::StrCat("failed to create typed ", what, " object (", Text("namespace"),
                                 "/", Text("name"), "; ", core ? "/" : "",
                                 request_.write.api_version, ", Kind=", KindText(),
                                 "): ", status.message()));
    return FromMetaStatus(out);
  }

  std::string Text(absl::string_view name) const {
    const JsonValue* meta = request_.config->Find("metadata");
    const JsonValue* value = meta == nullptr ? nullptr : meta->Find(name);
    return value != nullptr && value->is_string() ? value->text() : "";
  }
  std::string KindText() const {
    const JsonValue* kind = request_.config->Find("kind");
    return kind != nullptr ? kind->text() : "";
  }

  // What an object has that nobody is known to own is an updater's.
  absl::Status NoteWhatWasThere() {
    FieldChanges changes;
    SKIFF_RETURN_IF_ERROR(CompareFields(type_, *request_.blank, *request_.live, never_, &changes));
    FieldManager before{std::string(kBeforeFirstApply),
                        false,
                        request_.write.api_version,
                        request_.write.subresource,
                        request_.write.now,
                        Owned(changes.Set(FieldChanges::kWritten))};
    if (!before.fields.empty()) request_.managers.push_back(std::move(before));
    return absl::OkStatus();
  }

  // Takes what it applied the last time, does not apply now, and nobody else owns out of `merged`.
  absl::Status TakeOut(JsonValue* merged) {
    const auto last =
        std::find_if(request_.managers.begin(), request_.managers.end(),
                     [&](const FieldManager& m) { return IdentityOf(m) == IdentityOf(own_); });
    if (last == request_.managers.end()) return absl::OkStatus();
    own_.time = last->time;
    const FieldSet before = WithNamedFields(type_, last->fields);
    request_.managers.erase(last);
    if (before.empty()) return absl::OkStatus();
    const JsonValue pruned = WithoutFields(type_, *merged, before);
    FieldSet owned = own_.fields;
    for (const FieldManager& manager : request_.managers) owned = owned.Union(manager.fields);
    // Back goes what others own, and with it what had to go because it was above.
    const FieldSet all = WithNamedFields(type_, FieldsOf(type_, *merged));
    const FieldSet kept =
        WithNamedFields(type_, FieldsOf(type_, pruned)).Union(WithNamedFields(type_, owned));
    const JsonValue restored = WithoutFields(type_, *merged, all.Difference(kept));
    // And back goes what it did not own itself.
    const FieldSet left = WithNamedFields(type_, FieldsOf(type_, restored));
    *merged = WithoutFields(type_, *merged, all.Difference(left).Intersection(before));
    return absl::OkStatus();
  }

  // What is changed leaves its owners, or is a conflict with them.
  absl::Status Settle(const FieldChanges& changes) {
    const FieldSet written = changes.Set(FieldChanges::kWritten);
    std::vector<std::pair<const FieldManager*, FieldSet>> conflicts;
    for (const FieldManager& manager : request_.managers) {
      FieldSet taken = manager.fields.Intersection(written);
      if (!taken.empty()) conflicts.emplace_back(&manager, std::move(taken));
    }
    if (!request_.force && !conflicts.empty() && own_.name == kKubectl) ForgiveOwn(&conflicts);
    if (!request_.force && !conflicts.empty()) return ConflictOf(conflicts);
    const FieldSet touched = written.Union(changes.Set(FieldChanges::kRemoved));
    for (FieldManager& manager : request_.managers) {
      manager.fields = manager.fields.Difference(touched);
    }
    DropEmpty(&request_.managers);
    return absl::OkStatus();
  }

  using Conflicts = std::vector<std::pair<const FieldManager*, FieldSet>>;

  // kubectl on its way from client-side apply, which left what it last applied in an annotation: it
  // may change that.
  void ForgiveOwn(Conflicts* conflicts) const {
    const JsonValue* annotation = AnnotationOf(*request_.live);
    if (annotation == nullptr) return;
    const auto last = JsonValue::Parse(annotation->text());
    if (!last.ok() || !last->is_object()) return;
    const JsonValue* version = last->Find("apiVersion");
    if (version == nullptr || version->text() != request_.write.api_version) return;
    if (!CheckDocument(type_, *last, false).ok() ||
        !CheckDocument(type_, *request_.live, false).ok()) {
      return;
    }
    FieldChanges since;
    if (!CompareFields(type_, *last, *request_.live, Nothing(), &since).ok()) return;
    const FieldSet forgiven = FieldsOf(type_, *last)
                                  .Difference(since.Set(FieldChanges::kWritten))
                                  .Difference(since.Set(FieldChanges::kRemoved));
    for (auto& [manager, fields] : *conflicts) fields = fields.Difference(forgiven);
    conflicts->erase(std::remove_if(conflicts->begin(), conflicts->end(),
                                    [](const auto& conflict) { return conflict.second.empty(); }),
                     conflicts->end());
  }

  static absl::Status ConflictOf(Conflicts conflicts) {
    std::sort(conflicts.begin(), conflicts.end(), [](const auto& a, const auto& b) {
      return IdentityOf(*a.first) < IdentityOf(*b.first);
    });
    metav1::Status out;
    out.set_status("Failure");
    out.set_reason("Conflict");
    out.set_code(409);
    std::vector<std::string> lines;
    std::string only;
    for (const auto& [manager, fields] : conflicts) {
      const std::string text = ManagerText(*manager);
      lines.push_back(absl::StrCat("conflicts with ", text, ":"));
      fields.ForEach([&, &who = text](absl::Span<const PathStep> path) {
        auto* cause = out.mutable_details()->add_causes();
        cause->set_reason("FieldManagerConflict");
        cause->set_message(absl::StrCat("conflict with ", who));
        cause->set_field(PathToString(path));
        lines.push_back(absl::StrCat("- ", cause->field()));
        only = absl::StrCat(cause->message(), ": ", cause->field());
      });
    }
    const int count = out.details().causes_size();
    out.set_message(count == 1 ? absl::StrCat("Apply failed with 1 conflict: ", only)
                               : absl::StrCat("Apply failed with ", count,
                                              " conflicts: ", absl::StrJoin(lines, "\n")));
    return FromMetaStatus(out);
  }

  static const JsonValue* AnnotationOf(const JsonValue& object) {
    const JsonValue* meta = object.Find("metadata");
    const JsonValue* all = meta == nullptr ? nullptr : meta->Find("annotations");
    const JsonValue* one = all == nullptr ? nullptr : all->Find(kLastApplied);
    return one == nullptr || one->text().empty() ? nullptr : one;
  }

  static void SortMembers(JsonValue* value) {
    std::sort(value->entries().begin(), value->entries().end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [name, member] : value->entries()) SortMembers(&member);
    for (JsonValue& item : value->items()) SortMembers(&item);
  }

  // Client-side apply of an older kubectl goes on from what this one applied.
  void UpdateLastApplied(JsonValue* object) const {
    if (request_.write.manager != kKubectl || AnnotationOf(*object) == nullptr) return;
    JsonValue config = *request_.config;
    if (JsonValue* meta = config.Find("metadata"); meta != nullptr) {
      if (JsonValue* own = meta->Find("annotations"); own != nullptr) own->Erase(kLastApplied);
    }
    SortMembers(&config);
    JsonValue* annotations = object->Find("metadata")->Find("annotations");
    annotations->Member(kLastApplied) = JsonValue::String(absl::StrCat(config.ToString(), "\n"));
    size_t bytes = 0;
    for (const auto& [name, value] : annotations->entries()) {
      bytes += name.size() + value.text().size();
    }
    if (bytes > kMaxAnnotationBytes) annotations->Erase(kLastApplied);
  }

  ApplyRequest request_;
  const MergeType& type_;
  const FieldSet& never_;
  FieldManager own_;
};

}  // namespace

absl::StatusOr<FieldManagers> DecodeManagedFields(const ManagedFieldsEntries& entries) {
  FieldManagers out;
  for (int i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    SKIFF_RETURN_IF_ERROR(CheckEntry(entry, i));
    FieldManager manager;
    manager.name = entry.manager();
    manager.applies = IsApply(entry);
    manager.api_version = entry.api_version();
    manager.subresource = entry.subresource();
    if (entry.has_time() && IsSet(entry.time())) manager.time = ToAbsl(entry.time());
    const std::string& raw = entry.fields_v1().raw();
    SKIFF_ASSIGN_OR_RETURN(manager.fields, FieldSet::Parse(raw.empty() ? "{}" : raw));
    const auto same = std::find_if(out.begin(), out.end(), [&](const FieldManager& other) {
      return IdentityOf(other) == IdentityOf(manager);
    });
    if (same != out.end()) {
      *same = std::move(manager);
    } else {
      out.push_back(std::move(manager));
    }
  }
  return out;
}

void EncodeManagedFields(FieldManagers managers, ManagedFieldsEntries* entries) {
  entries->Clear();
  for (const FieldManager& manager : managers) {
    FillEntry(manager, manager.fields.ToJson(), entries->Add());
  }
  Sort(entries);
}

FieldSet NeverOwned(const FieldSet& reset) {
  FieldSet out = reset;
  for (const char* name : {"apiVersion", "kind"}) out.Insert({PathStep::Field(name)});
  for (const char* name : {"name", "namespace", "creationTimestamp", "selfLink", "uid",
                           "clusterName", "generation", "managedFields", "resourceVersion"}) {
    out.Insert({PathStep::Field("metadata"), PathStep::Field(name)});
  }
  return out;
}

void RecordWrite(const FieldWrite& write, const Message& old, Message* now) {
  const metav1::ObjectMeta& before = *MetaOf(old);
  metav1::ObjectMeta* meta = MutableMetaOf(now);
  if (!SettleEntries(write, before, meta)) return;
  FieldChanges changes;
  // Where items cannot be told apart, owners stay who they were.
  if (!CompareFields(old, *now, NeverOwnedBy(write), &changes).ok() || changes.empty()) return;
  Recorder(write, changes, meta->mutable_managed_fields()).Run();
}

bool SameButTimes(const ManagedFieldsEntries& a, const ManagedFieldsEntries& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameEntry);
}

absl::StatusOr<Applied> ApplyConfiguration(ApplyRequest request) {
  return Applier(std::move(request)).Run();
}

std::string ManagerText(const FieldManager& manager) {
  std::string out = JsonString(manager.name);
  if (!manager.subresource.empty()) {
    absl::StrAppend(&out, " with subresource ", JsonString(manager.subresource));
  }
  if (!manager.applies) absl::StrAppend(&out, " using ", manager.api_version);
  return out;
}

}  // namespace skiff::api
