// SPDX-License-Identifier: Apache-2.0
// Config: the parameters of one server. Loaded at the start from a file, the standard input and
// flags (in this order, the later one wins); then read by CONFIG GET, changed by CONFIG SET, and
// written back by CONFIG REWRITE.
//
// Whoever reads a number reads it from settings(), without a lock. Changes are made by one thread
// at a time (a mutex); each is applied through the `Applier` before it counts: if that refuses,
// every parameter of the same CONFIG SET gets its old value back.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/directive.h"
#include "server/config/parameter.h"
#include "server/config/settings.h"
#include "server/config/value.h"

namespace henge::server {

class Config {
 public:
  using NameValue = std::pair<std::string, std::string>;
  // Makes the server follow a parameter that has just been stored. An error's message is Redis's
  // reason.
  using Applier = std::function<absl::Status(const Parameter&)>;

  Config();

  // --- At the start, before there is more than one thread ---------------------------------------
  absl::Status LoadFile(const std::string& path);  // YAML by its name (.yaml, .yml), or redis.conf.
  absl::Status LoadText(std::string_view text, const std::string& source);
  absl::Status Load(std::span<const Directive> directives);
  void set_applier(Applier applier) { apply_ = std::move(applier); }

  Settings& settings() { return settings_; }
  const Settings& settings() const { return settings_; }
  const std::string& file() const { return file_; }  // Absolute; empty if there is none.

  // --- Later, from any thread -----------------------------------------------------------------
  // Names and aliases that match any of the glob patterns, with their values.
  std::vector<NameValue> Get(std::span<const std::string> patterns);
  // All or nothing. `may_change_protected`: what enable-protected-configs says of this client.
  // Returns the error's text, or empty.
  std::string Set(std::span<const NameValue> values, bool may_change_protected);
  // Writes the values back to the file, keeping its comments and order. The error's text, or empty.
  std::string Rewrite();
  // The role changed: "host port" of the leader, or empty. Takes no lock.
  void NoteLeader(std::string_view leader);

 private:
  struct Change {
    const Parameter* parameter;
    std::string name;  // As the client called it, alias or not; in lower case.
    Value before;
    Value after;
  };

  // Why this parameter may not be set now; empty if it may.
  std::string_view Forbidden(const Parameter& parameter, std::span<const Change> earlier,
                             bool may_change_protected) const;
  std::string ApplyAll(std::span<const Change> changes);
  void RollBack(std::span<const Change> changes, size_t applied);

  std::mutex mu_;
  Settings settings_;
  Applier apply_;
  std::string file_;
};

// docs/reference/config.md: every parameter with its section, default and meaning.
std::string ConfigReference();

}  // namespace henge::server
