// SPDX-License-Identifier: Apache-2.0
// TestEtcd: Debian's etcd-server with a folder and ports of its own on loopback, and what a test
// does to it and its keys. Not for the product.
//
// One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace henge::cluster {

class TestEtcd {
 public:
  TestEtcd();   // Not started; its address is known.
  ~TestEtcd();  // As Kill; the folder goes.
  TestEtcd(const TestEtcd&) = delete;
  TestEtcd& operator=(const TestEtcd&) = delete;

  void Start();  // Returns when it answers.
  void Kill();   // As kill -9.
  void Pause();  // It stands still, with its connections.
  void Resume();
  void WipeDisk();

  const std::string& endpoint() const { return endpoint_; }

  // By a connection of the test's own. The revision; a failure is the test's.
  int64_t Put(std::string_view key, std::string_view value);
  int64_t Delete(std::string_view key);
  std::optional<std::string> Get(std::string_view key);
  void CompactAll();

 private:
  bool Spawn();
  bool Answers();

  const std::filesystem::path folder_;
  uint16_t port_ = 0;
  std::string endpoint_;
  pid_t process_ = 0;
};

}  // namespace henge::cluster
