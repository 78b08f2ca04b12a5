#include "base/signing_request.h"

#include "absl/strings/str_cat.h"
#include "base/openssl.h"

namespace skiff {
namespace {

using RequestPtr = std::unique_ptr<X509_REQ, OpensslFree<X509_REQ_free>>;

// One block of PEM: "-----BEGIN type-----", headers, and bytes in base64.
struct Block {
  std::string type;
  std::string headers;
  std::string bytes;
};

// False where there is no further block.
bool ReadBlock(BIO* from, Block* block) {
  char* type = nullptr;
  char* headers = nullptr;
  unsigned char* bytes = nullptr;
  long size = 0;
  if (PEM_read_bio(from, &type, &headers, &bytes, &size) != 1) {
    ERR_clear_error();
    return false;
  }
  *block = {type, headers, std::string(reinterpret_cast<char*>(bytes), size)};
  OPENSSL_free(type);
  OPENSSL_free(headers);
  OPENSSL_free(bytes);
  return true;
}

BioPtr ReaderOf(absl::string_view pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

const unsigned char* BytesOf(const Block& block) {
  return reinterpret_cast<const unsigned char*>(block.bytes.data());
}

}  // namespace

absl::Status CheckSigningRequest(absl::string_view pem) {
  Block block;
  if (!ReadBlock(ReaderOf(pem).get(), &block) || block.type != "CERTIFICATE REQUEST") {
    return absl::InvalidArgumentError("PEM block type must be CERTIFICATE REQUEST");
  }
  const unsigned char* at = BytesOf(block);
  const RequestPtr request(d2i_X509_REQ(nullptr, &at, static_cast<long>(block.bytes.size())));
  if (!request) return OpensslStatus(absl::StatusCode::kInvalidArgument, "x509");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr) return OpensslStatus(absl::StatusCode::kInvalidArgument, "x509");
  if (X509_REQ_verify(request.get(), key) == 1) return absl::OkStatus();
  ERR_clear_error();
  return absl::InvalidArgumentError(EVP_PKEY_get_base_id(key) == EVP_PKEY_EC
                                        ? "x509: ECDSA verification failure"
                                        : "crypto/rsa: verification error");
}

absl::Status CheckCertificates(absl::string_view pem) {
  const BioPtr reader = ReaderOf(pem);
  Block block;
  int count = 0;
  for (; ReadBlock(reader.get(), &block); ++count) {
    if (block.type != "CERTIFICATE") {
      return absl::InvalidArgumentError(
          absl::StrCat("only CERTIFICATE PEM blocks are allowed, found \"", block.type, "\""));
    }
    if (!block.headers.empty()) {
      return absl::InvalidArgumentError("no PEM block headers are permitted");
    }
    const unsigned char* at = BytesOf(block);
    const X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(block.bytes.size())));
    if (!certificate) return OpensslStatus(absl::StatusCode::kInvalidArgument, "x509");
  }
  if (count > 0) return absl::OkStatus();
  return absl::InvalidArgumentError("must contain at least one CERTIFICATE PEM block");
}

}  // namespace skiff
