// SHA-256 of content as OCI writes it: "sha256:<64 hex digits>".
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace skiff::runtime {

// Threads: one at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void Update(absl::string_view bytes);
  // "sha256:…"; call once.
  std::string Finish();

 private:
  evp_md_ctx_st* context_;
};

// Whether it is "sha256:" and 64 lower-case hex digits: safe as a file name.
bool IsSha256Digest(absl::string_view digest);

std::string DigestOf(absl::string_view bytes);
// Reads the file through. Errors name the path.
absl::StatusOr<std::string> DigestOfFile(const std::string& path);
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

}  // namespace skiff::runtime
