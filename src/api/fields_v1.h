// The tokens of FieldsV1's JSON (`{"f:spec":{".":{},"f:replicas":{}}}`), for what reads it in
// place.
//
// Threads: plain values; the text must outlive the reader.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/field_set.h"

namespace skiff::api {

class FieldsV1Reader {
 public:
  explicit FieldsV1Reader(absl::string_view text) : text_(text) {}

  // Past blanks: whether `c` is next. If so, it is taken.
  bool Take(char c);
  // A string; `out` stands in the text, or in `scratch` where something in it is escaped.
  absl::Status String(std::string* scratch, absl::string_view* out);
  // An object, whatever is in it.
  absl::Status Skip();
  bool AtEnd();
  // kInvalidArgument, with the place.
  absl::Status Fault(absl::string_view expected) const;

  // Calls `member` with each name but `.` of an object, which must then take the value. `self`:
  // set if the path that leads here is itself in the set: `.` stands in the object, or nothing
  // else does.
  template <typename Member>
  absl::Status Object(bool* self, const Member& member) {
    if (!Take('{')) return Fault("an object");
    bool below = false;
    if (!Take('}')) {
      do {
        std::string scratch;
        absl::string_view name;
        if (absl::Status read = String(&scratch, &name); !read.ok()) return read;
        if (!Take(':')) return Fault("a colon");
        if (name == ".") *self = true;
        below = below || name != ".";
        if (absl::Status read = name == "." ? Skip() : member(name); !read.ok()) return read;
      } while (Take(','));
      if (!Take('}')) return Fault("a comma or the end of an object");
    }
    if (!below) *self = true;
    return absl::OkStatus();
  }

  // The step that a name stands for. False: of a kind that is not known.
  static bool StepOf(absl::string_view name, PathStep* step);

 private:
  void SkipBlanks();

  const absl::string_view text_;
  size_t at_ = 0;
};

// `"f:replicas":`
void AppendStepName(const PathStep& step, std::string* out);

}  // namespace skiff::api
