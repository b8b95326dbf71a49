// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/etcd_credentials.h"

#include <absl/strings/str_cat.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace henge::cluster {
namespace {

absl::StatusOr<std::string> ReadPem(const std::string& file) {
  if (file.empty()) return std::string();
  std::stringstream contents;
  if (std::ifstream stream(file, std::ios::binary); !(contents << stream.rdbuf()))
    return absl::InvalidArgumentError(absl::StrCat("can't read ", file));
  const std::string text = std::move(contents).str();
  if (text.find("-----BEGIN ") == std::string::npos)
    return absl::InvalidArgumentError(absl::StrCat(file, " is no PEM file"));
  return text;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> EtcdCredentials(
    const EtcdAccess& access) {
  if (!access.tls) {
    if (access.ca_cert_file.empty() && access.cert_file.empty() && access.key_file.empty())
      return grpc::InsecureChannelCredentials();
    return absl::InvalidArgumentError(
        "certificates for etcd are set, but its endpoints are not https://");
  }
  if (access.cert_file.empty() != access.key_file.empty())
    return absl::InvalidArgumentError(
        "a certificate for etcd needs its key, and a key its certificate");
  grpc::SslCredentialsOptions options;
  for (const auto& [file, pem] : {std::pair(&access.ca_cert_file, &options.pem_root_certs),
                                  std::pair(&access.cert_file, &options.pem_cert_chain),
                                  std::pair(&access.key_file, &options.pem_private_key)}) {
    absl::StatusOr<std::string> text = ReadPem(*file);
    if (!text.ok()) return text.status();
    *pem = *std::move(text);
  }
  return grpc::SslCredentials(options);
}

}  // namespace henge::cluster
