#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "api/errors.h"
#include "api/json_value.h"
#include "api/patch.h"
#include "base/status.h"

namespace skiff::api {
namespace {

constexpr size_t kMaxOperations = 10'000;

// 422, for a patch that is well formed but does not fit the document.
absl::Status DoesNotApply(absl::string_view message) {
  metav1::Status status;
  status.set_status("Failure");
  status.set_reason("Invalid");
  status.set_code(422);
  status.set_message(std::string(message));
  return FromMetaStatus(status);
}

// A JSON pointer (RFC 6901) taken apart.
using Pointer = std::vector<std::string>;

absl::StatusOr<Pointer> ParsePointer(absl::string_view text) {
  Pointer pointer;
  if (text.empty()) return pointer;
  if (text[0] != '/') return BadRequest(absl::StrCat("path \"", text, "\" must start with '/'"));
  for (absl::string_view token : absl::StrSplit(text.substr(1), '/')) {
    // In this order, so that "~01" becomes "~1" and not "/".
    pointer.push_back(
        absl::StrReplaceAll(absl::StrReplaceAll(token, {{"~1", "/"}}), {{"~0", "~"}}));
  }
  return pointer;
}

// The place of an array that `token` names; `size` itself only for adding.
std::optional<size_t> ArrayIndex(absl::string_view token, size_t size, bool adding) {
  if (adding && token == "-") return size;
  size_t index;
  if (token.empty() || token.find_first_not_of("0123456789") != absl::string_view::npos ||
      (token.size() > 1 && token[0] == '0') || !absl::SimpleAtoi(token, &index)) {
    return std::nullopt;
  }
  return index < size + (adding ? 1 : 0) ? std::optional<size_t>(index) : std::nullopt;
}

JsonValue* Child(JsonValue* parent, absl::string_view token) {
  if (parent->is_object()) return parent->Find(token);
  if (!parent->is_array()) return nullptr;
  const std::optional<size_t> index = ArrayIndex(token, parent->items().size(), false);
  return index ? &parent->items()[*index] : nullptr;
}

JsonValue* Resolve(JsonValue* root, const Pointer& pointer) {
  JsonValue* value = root;
  for (const std::string& token : pointer) {
    value = Child(value, token);
    if (value == nullptr) return nullptr;
  }
  return value;
}

JsonValue* Parent(JsonValue* root, const Pointer& pointer) {
  return Resolve(root, Pointer(pointer.begin(), pointer.end() - 1));
}

bool Add(JsonValue* root, const Pointer& pointer, JsonValue value) {
  if (pointer.empty()) {
    *root = std::move(value);
    return true;
  }
  JsonValue* parent = Parent(root, pointer);
  if (parent == nullptr) return false;
  if (parent->is_object()) {
    parent->Member(pointer.back()) = std::move(value);
    return true;
  }
  if (!parent->is_array()) return false;
  auto& items = parent->items();
  const std::optional<size_t> index = ArrayIndex(pointer.back(), items.size(), true);
  if (!index) return false;
  items.insert(items.begin() + static_cast<ptrdiff_t>(*index), std::move(value));
  return true;
}

bool Remove(JsonValue* root, const Pointer& pointer) {
  if (pointer.empty()) {
    *root = JsonValue();
    return true;
  }
  JsonValue* parent = Parent(root, pointer);
  if (parent == nullptr) return false;
  if (parent->is_object()) return parent->Erase(pointer.back());
  if (!parent->is_array()) return false;
  const std::optional<size_t> index = ArrayIndex(pointer.back(), parent->items().size(), false);
  if (!index) return false;
  parent->items().erase(parent->items().begin() + static_cast<ptrdiff_t>(*index));
  return true;
}

class Operation {
 public:
  Operation(const JsonValue& json, size_t index) : json_(json), index_(index) {}

  absl::Status Apply(JsonValue* root) {
    if (!json_.is_object()) return Malformed("it must be an object");
    SKIFF_ASSIGN_OR_RETURN(op_, Text("op"));
    SKIFF_ASSIGN_OR_RETURN(path_, Text("path"));
    SKIFF_ASSIGN_OR_RETURN(const Pointer path, Parsed(path_));
    if (op_ == "add" || op_ == "replace" || op_ == "test") return WithValue(path, root);
    if (op_ == "remove") return Remove(root, path) ? absl::OkStatus() : Missing(path_);
    if (op_ == "move" || op_ == "copy") return WithSource(path, root);
    return Malformed(
        absl::StrCat("unknown op \"", op_, "\": must be add, remove, replace, move, copy or test"));
  }

 private:
  absl::Status WithValue(const Pointer& path, JsonValue* root) {
    const JsonValue* value = json_.Find("value");
    if (value == nullptr) return Malformed("it has no \"value\"");
    if (op_ == "add") return Add(root, path, *value) ? absl::OkStatus() : Missing(path_);
    JsonValue* target = Resolve(root, path);
    if (op_ == "replace") {
      if (target == nullptr) return Missing(path_);
      *target = *value;
      return absl::OkStatus();
    }
    // A member that is absent tests equal to null, as in the library that Kubernetes uses.
    const bool same = target == nullptr ? value->is_null() : *target == *value;
    if (same) return absl::OkStatus();
    return DoesNotApply(absl::StrCat("operation ", index_, " of the patch: testing value ", path_,
                                     " failed: test failed"));
  }

  absl::Status WithSource(const Pointer& path, JsonValue* root) {
    SKIFF_ASSIGN_OR_RETURN(const std::string from, Text("from"));
    SKIFF_ASSIGN_OR_RETURN(const Pointer source, Parsed(from));
    const JsonValue* found = Resolve(root, source);
    if (found == nullptr) return Missing(from);
    JsonValue value = *found;
    if (op_ == "move") {
      if (path.size() > source.size() && std::equal(source.begin(), source.end(), path.begin())) {
        return Malformed(absl::StrCat("\"", from, "\" cannot move into itself"));
      }
      Remove(root, source);
    }
    return Add(root, path, std::move(value)) ? absl::OkStatus() : Missing(path_);
  }

  absl::StatusOr<std::string> Text(absl::string_view member) const {
    const JsonValue* value = json_.Find(member);
    if (value == nullptr || !value->is_string()) {
      return Malformed(absl::StrCat("\"", member, "\" must be given, as a string"));
    }
    return value->text();
  }

  absl::StatusOr<Pointer> Parsed(absl::string_view text) const {
    absl::StatusOr<Pointer> pointer = ParsePointer(text);
    if (!pointer.ok()) return Malformed(pointer.status().message());
    return pointer;
  }

  absl::Status Malformed(absl::string_view why) const {
    return BadRequest(absl::StrCat("operation ", index_, " of the JSON patch: ", why));
  }

  absl::Status Missing(absl::string_view path) const {
    return DoesNotApply(absl::StrCat("operation ", index_, " of the patch: ", op_,
                                     " operation does not apply: doc is missing path: \"", path,
                                     "\": missing value"));
  }

  const JsonValue& json_;
  size_t index_;
  std::string op_;
  std::string path_;
};

void Merge(JsonValue* target, const JsonValue& patch) {
  if (!patch.is_object()) {
    *target = patch;
    return;
  }
  if (!target->is_object()) *target = JsonValue::Object();
  for (const JsonValue::Entry& entry : patch.entries()) {
    if (entry.second.is_null()) {
      target->Erase(entry.first);
    } else {
      Merge(&target->Member(entry.first), entry.second);
    }
  }
}

absl::StatusOr<JsonValue> ParseInput(absl::string_view text, absl::string_view what) {
  absl::StatusOr<JsonValue> value = JsonValue::Parse(text);
  if (!value.ok()) return BadRequest(absl::StrCat(what, ": ", value.status().message()));
  return value;
}

}  // namespace

absl::StatusOr<std::string> JsonPatch(absl::string_view document, absl::string_view patch) {
  SKIFF_ASSIGN_OR_RETURN(JsonValue root, ParseInput(document, "the object"));
  SKIFF_ASSIGN_OR_RETURN(const JsonValue operations, ParseInput(patch, "the JSON patch"));
  if (!operations.is_array()) {
    return BadRequest("the JSON patch must be a list of operations (RFC 6902)");
  }
  if (operations.items().size() > kMaxOperations) {
    return RequestEntityTooLarge(absl::StrCat("The allowed maximum operations in a JSON patch is ",
                                              kMaxOperations, ", got ", operations.items().size()));
  }
  for (size_t i = 0; i < operations.items().size(); ++i) {
    SKIFF_RETURN_IF_ERROR(Operation(operations.items()[i], i).Apply(&root));
  }
  return root.ToString();
}

absl::StatusOr<std::string> MergePatch(absl::string_view document, absl::string_view patch) {
  SKIFF_ASSIGN_OR_RETURN(JsonValue root, ParseInput(document, "the object"));
  SKIFF_ASSIGN_OR_RETURN(const JsonValue changes, ParseInput(patch, "the merge patch"));
  if (!changes.is_object()) return BadRequest("the merge patch must be a JSON object (RFC 7386)");
  Merge(&root, changes);
  return root.ToString();
}

}  // namespace skiff::api
