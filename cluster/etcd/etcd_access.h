// SPDX-License-Identifier: Apache-2.0
// How an etcd wants its clients: whether by TLS, and who they are.
#pragma once

#include <string>

namespace henge::cluster {

// The files are PEM, and read once, at the start.
struct EtcdAccess {
  bool tls = false;
  std::string ca_cert_file;  // Who signs etcd's certificates; empty: whom this host trusts.
  std::string cert_file;     // What this node shows, to an etcd that asks for it; with key_file,
  std::string key_file;      // or neither.
  std::string user;          // Empty: no login.
  std::string password;
};

}  // namespace henge::cluster
