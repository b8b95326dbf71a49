// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/etcd_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/random.h"

namespace henge::cluster {
namespace {

using testing::HasSubstr;

std::string Refusal(const EtcdAccess& access) {
  const auto credentials = EtcdCredentials(access);
  EXPECT_EQ(credentials.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(credentials.status().message());
}

TEST(EtcdCredentials, AreThereWithAndWithoutTls) {
  EXPECT_TRUE(EtcdCredentials({}).ok());
  EXPECT_TRUE(EtcdCredentials({.tls = true}).ok());
}

TEST(EtcdCredentials, RefuseCertificatesWithoutTls) {
  EXPECT_THAT(Refusal({.ca_cert_file = "/tmp/ca.pem"}), HasSubstr("https://"));
}

TEST(EtcdCredentials, RefuseACertificateWithoutItsKey) {
  EXPECT_THAT(Refusal({.tls = true, .cert_file = "/tmp/cert.pem"}), HasSubstr("needs its key"));
  EXPECT_THAT(Refusal({.tls = true, .key_file = "/tmp/key.pem"}), HasSubstr("needs its key"));
}

TEST(EtcdCredentials, NameTheFileThatIsMissingOrIsNoPem) {
  const std::string file = std::filesystem::temp_directory_path() / ("henge-" + RandomHex(12));
  EXPECT_THAT(Refusal({.tls = true, .ca_cert_file = file}), HasSubstr("can't read " + file));
  std::ofstream(file) << "no certificate";
  EXPECT_THAT(Refusal({.tls = true, .ca_cert_file = file}), HasSubstr(file + " is no PEM file"));
  std::filesystem::remove(file);
  EXPECT_THAT(Refusal({.tls = true, .ca_cert_file = "/"}), HasSubstr("can't read /"));
}

}  // namespace
}  // namespace henge::cluster
