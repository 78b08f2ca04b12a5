#include "cli/api_client.h"

#include <curl/curl.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "api/codec.h"
#include "api/errors.h"
#include "api/json_value.h"
#include "base/status.h"

namespace skiff::cli {
namespace {

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
using CurlPtr = std::unique_ptr<CURL, FreeCurl>;

std::string Text(const api::JsonValue* value) {
  return value != nullptr && value->is_string() ? value->text() : "";
}

// The member `name` of the item of that name in a kubeconfig's list.
const api::JsonValue* Named(const api::JsonValue& config, const char* list, const std::string& name,
                            const char* member) {
  const api::JsonValue* items = config.Find(list);
  if (items == nullptr) return nullptr;
  for (const api::JsonValue& item : items->items()) {
    if (Text(item.Find("name")) == name) return item.Find(member);
  }
  return nullptr;
}

absl::Status ErrorOf(const ApiClient::Reply& reply) {
  metav1::Status status;
  if (api::DecodeJson(reply.body, &status).ok() && !status.message().empty()) {
    return api::FromMetaStatus(status);
  }
  return absl::UnknownError(absl::StrCat("the server answered ", reply.status, ": ",
                                         absl::StripAsciiWhitespace(reply.body)));
}

// Nothing if it cannot be read.
std::optional<std::string> ReadFile(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A file that the kubeconfig holds (`name`-data) or names (`name`, from the kubeconfig's
// directory).
absl::StatusOr<std::string> Embedded(const api::JsonValue* owner, const std::string& name,
                                     const std::string& kubeconfig) {
  if (owner == nullptr) return "";
  std::string out;
  if (const std::string data = Text(owner->Find(name + "-data")); !data.empty()) {
    if (absl::Base64Unescape(data, &out)) return out;
    return absl::InvalidArgumentError(
        absl::StrCat("kubeconfig ", kubeconfig, ": ", name, "-data is not base64"));
  }
  const std::string path = Text(owner->Find(name));
  if (path.empty()) return "";
  const std::filesystem::path whole = std::filesystem::path(kubeconfig).parent_path() / path;
  auto text = ReadFile(whole);
  if (text) return *std::move(text);
  return absl::NotFoundError(absl::StrCat("kubeconfig ", kubeconfig, ": the ", name, " ",
                                          whole.string(), " cannot be read"));
}

// Lives as long as the transfer.
curl_blob Blob(const std::string& text) {
  return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY};
}

size_t Append(char* data, size_t size, size_t count, void* into) {
  static_cast<std::string*>(into)->append(data, size * count);
  return size * count;
}

}  // namespace

std::string Escape(const std::string& text) {
  char* escaped = curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size()));
  std::string out = escaped;
  curl_free(escaped);
  return out;
}

absl::StatusOr<ApiClient> ApiClient::FromKubeconfig(const std::string& kubeconfig) {
  std::string path = kubeconfig;
  if (path.empty() && std::getenv("KUBECONFIG") != nullptr) path = std::getenv("KUBECONFIG");
  if (path.empty() && std::getenv("HOME") != nullptr) {
    path = absl::StrCat(std::getenv("HOME"), "/.kube/config");
  }
  const auto text = ReadFile(path);
  if (!text) {
    return absl::NotFoundError(absl::StrCat("kubeconfig ", path,
                                            " cannot be read: start a cluster with `skiff dev`, or "
                                            "name the file with --kubeconfig"));
  }
  const auto documents = api::YamlToJson(*text);
  if (!documents.ok() || documents->empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "kubeconfig ", path, ": ", documents.ok() ? "it is empty" : documents.status().message()));
  }
  SKIFF_ASSIGN_OR_RETURN(const api::JsonValue config, api::JsonValue::Parse(documents->front()));
  const api::JsonValue* context =
      Named(config, "contexts", Text(config.Find("current-context")), "context");
  const api::JsonValue* cluster =
      context == nullptr ? nullptr
                         : Named(config, "clusters", Text(context->Find("cluster")), "cluster");
  const std::string server = cluster == nullptr ? "" : Text(cluster->Find("server"));
  if (server.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("kubeconfig ", path, ": its current context names no server"));
  }
  const api::JsonValue* user = Named(config, "users", Text(context->Find("user")), "user");
  ApiClient out(server);
  Credentials& own = out.credentials_;
  SKIFF_ASSIGN_OR_RETURN(own.authority, Embedded(cluster, "certificate-authority", path));
  SKIFF_ASSIGN_OR_RETURN(own.certificate, Embedded(user, "client-certificate", path));
  SKIFF_ASSIGN_OR_RETURN(own.key, Embedded(user, "client-key", path));
  if (user != nullptr) own.token = Text(user->Find("token"));
  const api::JsonValue* insecure = cluster->Find("insecure-skip-tls-verify");
  own.trust_anybody = insecure != nullptr && insecure->boolean();
  return out;
}

void ApiClient::Prepare(void* curl, const std::string& url) const {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  if (!socket_.empty()) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_.c_str());
  const curl_blob authority = Blob(credentials_.authority);
  const curl_blob certificate = Blob(credentials_.certificate);
  const curl_blob key = Blob(credentials_.key);
  if (authority.len != 0) curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &authority);
  if (certificate.len != 0) curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &certificate);
  if (key.len != 0) curl_easy_setopt(curl, CURLOPT_SSLKEY_BLOB, &key);
  if (!credentials_.token.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, credentials_.token.c_str());
  }
  if (credentials_.trust_anybody) {
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

ApiClient ApiClient::OfMember(const std::string& data_dir) {
  return ApiClient("http://member", data_dir + "/admin.sock");
}

absl::StatusOr<ApiClient::Reply> ApiClient::Call(const std::string& method, const std::string& path,
                                                 const std::string& body,
                                                 const std::string& content_type,
                                                 const std::string& accept) {
  const CurlPtr curl(curl_easy_init());
  Reply reply;
  const std::string url = server_ + path;
  curl_slist* headers = curl_slist_append(nullptr, absl::StrCat("Accept: ", accept).c_str());
  headers = curl_slist_append(headers, absl::StrCat("Content-Type: ", content_type).c_str());
  headers = curl_slist_append(headers, "Expect:");
  Prepare(curl.get(), url);
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
  if (!body.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &reply.body);
  const CURLcode code = curl_easy_perform(curl.get());
  curl_slist_free_all(headers);
  if (code != CURLE_OK) {
    return absl::UnavailableError(absl::StrCat(
        socket_.empty() ? absl::StrCat("the server ", server_, " cannot be reached: ")
                        : absl::StrCat("no member answers at ", socket_,
                                       ": is `skiff server` running with this --data-dir? "),
        curl_easy_strerror(code)));
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  if (reply.status >= 400) return ErrorOf(reply);
  return reply;
}

absl::Status ApiClient::Stream(const std::string& path,
                               std::function<bool(absl::string_view)> take) {
  const CurlPtr curl(curl_easy_init());
  struct Sink {
    CURL* curl;
    std::function<bool(absl::string_view)> take;
    std::string error;
  } sink{curl.get(), std::move(take), ""};
  const std::string url = server_ + path;
  Prepare(curl.get(), url);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &sink);
  curl_easy_setopt(
      curl.get(), CURLOPT_WRITEFUNCTION,
      +[](char* data, size_t size, size_t count, void* into) -> size_t {
        auto* to = static_cast<Sink*>(into);
        long status = 0;
        curl_easy_getinfo(to->curl, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 400) {
          to->error.append(data, size * count);
          return size * count;
        }
        return to->take({data, size * count}) ? size * count : 0;
      });
  const CURLcode code = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 400) return ErrorOf({static_cast<int>(status), sink.error});
  if (code == CURLE_OK || code == CURLE_WRITE_ERROR) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("the stream from ", server_, " broke: ", curl_easy_strerror(code)));
}

}  // namespace skiff::cli
