#include "runtime/image/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>

#include <cerrno>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::runtime {
namespace {

absl::Status ReadChunks(const std::string& path, absl::FunctionRef<void(absl::string_view)> take) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  std::vector<char> buffer(1 << 17);
  while (true) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n == 0) return absl::OkStatus();
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, path);
    take(absl::string_view(buffer.data(), n));
  }
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  SKIFF_CHECK(context_ != nullptr);
  SKIFF_CHECK(EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::Update(absl::string_view bytes) {
  SKIFF_CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::Finish() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  SKIFF_CHECK(EVP_DigestFinal_ex(context_, raw, &size) == 1);
  return absl::StrCat("sha256:", absl::BytesToHexString(
                                     absl::string_view(reinterpret_cast<const char*>(raw), size)));
}

bool IsSha256Digest(absl::string_view digest) {
  return absl::ConsumePrefix(&digest, "sha256:") && digest.size() == 64 &&
         digest.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

std::string DigestOf(absl::string_view bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.Finish();
}

absl::StatusOr<std::string> DigestOfFile(const std::string& path) {
  Sha256 sha;
  SKIFF_RETURN_IF_ERROR(ReadChunks(path, [&](absl::string_view chunk) { sha.Update(chunk); }));
  return sha.Finish();
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  std::string out;
  SKIFF_RETURN_IF_ERROR(
      ReadChunks(path, [&](absl::string_view chunk) { out.append(chunk.data(), chunk.size()); }));
  return out;
}

}  // namespace skiff::runtime
