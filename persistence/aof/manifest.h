// SPDX-License-Identifier: Apache-2.0
// The manifest of a multi-part AOF: which files it is made of, as Redis 7 writes it.
//
//     file appendonly.aof.2.base.rdb seq 2 type b
//     file appendonly.aof.1.incr.aof seq 1 type h
//     file appendonly.aof.2.incr.aof seq 2 type i
//
// Loading is the base (b), then the increments (i) in order; history (h) is only waiting to be
// deleted. Values and pure functions; any thread.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace henge::persistence {

struct AofPart {
  std::string name;  // Without a path.
  int64_t sequence = 0;
  bool operator==(const AofPart&) const = default;
};

enum class BaseFormat : uint8_t { kRdb, kAof };

struct AofManifest {
  std::optional<AofPart> base;
  std::vector<AofPart> history;
  std::vector<AofPart> increments;  // Sequences grow.
  // The highest ever used, so that no name comes twice.
  int64_t base_sequence = 0;
  int64_t increment_sequence = 0;

  // What is loaded, in order.
  std::vector<AofPart> Loaded() const;
  bool Names(std::string_view name) const;
  bool empty() const { return !base && history.empty() && increments.empty(); }

  // Adds the next increment, or base; the base before becomes history.
  const AofPart& AddIncrement(std::string_view filename);
  const AofPart& ReplaceBase(std::string_view filename, BaseFormat format);
  // Increments whose sequence is below become history.
  void Retire(int64_t first_kept);

  bool operator==(const AofManifest&) const = default;
};

// Of the kind "the AOF manifest, line 2: 'file x': Invalid AOF manifest file format".
absl::StatusOr<AofManifest> ParseManifest(std::string_view text);
std::string FormatManifest(const AofManifest& manifest);

// Whether the text looks like a manifest, for tools that are given any file.
bool LooksLikeManifest(std::string_view text);

std::string ManifestName(std::string_view filename);
std::string TemporaryManifestName(std::string_view filename);

}  // namespace henge::persistence
