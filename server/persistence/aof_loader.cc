// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/aof_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "persistence/file.h"
#include "server/node.h"
#include "server/persistence/dataset_loader.h"

namespace henge::server {

using persistence::AofParser;
using persistence::PosixFileSystem;

AofLoader::AofLoader(Node& node, const persistence::RdbLoadOptions& rdb,
                     persistence::LoadProgress& progress)
    : node_(node),
      rdb_(rdb),
      progress_(progress),
      lanes_(node, rdb.held == nullptr && rdb.threads > 1 ? rdb.threads : 0, rdb.held,
             [this](uint64_t offset, const absl::Status& status) {
               // As Redis: it may have been refused when it was written, too.
               LogWarning(
                   "A command of the append-only file was refused",
                   {{"file", loading_}, {"offset", offset}, {"error", Std(status.message())}});
             }) {}

// All are opened before any is read: a rewrite that ends meanwhile deletes files, but not from
// under those who have them.
absl::StatusOr<std::vector<AofLoader::Part>> AofLoader::Open(persistence::AofFiles& files) {
  std::vector<Part> parts;
  for (const persistence::AofPart& part : files.manifest().Loaded()) {
    auto contents = PosixFileSystem().Read(files.PathOf(part.name));
    if (!contents.ok()) {
      return absl::Status(contents.status().code(),
                          fmt::format("The append only file {} can't be read: {}", part.name,
                                      Std(contents.status().message())));
    }
    progress_.total_bytes.fetch_add((*contents)->bytes().size());
    parts.push_back({part.name, *std::move(contents)});
  }
  return parts;
}

absl::Status AofLoader::Load(persistence::AofFiles& files) {
  auto parts = Open(files);
  if (absl::IsNotFound(parts.status()) && rdb_.held != nullptr) {
    if (absl::Status status = files.Load(); !status.ok()) return status;
    parts = Open(files);
  }
  if (!parts.ok()) return parts.status();
  for (Part& part : *parts) {
    const bool last = &part == &parts->back();
    const absl::Status status = LoadPart(part, files.PathOf(part.name), last);
    lanes_.Rest();  // After an error, too: they read the contents.
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::optional<SavedPosition> AofLoader::running_position() const {
  return place_.place() ? PositionOf(*place_.place()) : std::nullopt;
}

void AofLoader::OnAnnotation(std::string_view line) {
  position_ = line;
  place_.OnAnnotation(line);
}

absl::Status AofLoader::LoadPart(Part& part, const std::string& path, bool last) {
  const std::string_view bytes = part.contents->bytes();
  LogNotice("Loading AOF part", {{"file", part.name}, {"bytes", bytes.size()}});
  uint64_t offset = 0;
  if (persistence::HasRdbPreamble(bytes)) {
    auto loaded = persistence::LoadRdb(bytes, node_.store(), rdb_, progress_);
    if (!loaded.ok()) {
      return {loaded.status().code(),
              fmt::format("{}: {}", part.name, Std(loaded.status().message()))};
    }
    ReportLeftOut(*loaded, progress_);
    expired_ = std::move(loaded->expired);
    if (absl::Status status = LoadLibraries(node_, *loaded, rdb_.held, true); !status.ok()) {
      return status;
    }
    offset = loaded->bytes;
  }
  AofParser parser(bytes, offset);
  if (absl::Status status = LoadCommands(part.name, parser); !status.ok()) return status;
  const AofParser::Result result = parser.Next();
  if (result == AofParser::Result::kEnd) return absl::OkStatus();
  if (parser.only_room()) {
    part.contents.reset();                   // What is mapped may not be cut.
    const bool keep = rdb_.held != nullptr;  // The file is being written.
    return keep ? absl::OkStatus()
                : persistence::CutRoom(PosixFileSystem(), path, parser.good_until());
  }
  const bool torn = result == AofParser::Result::kTorn;
  const bool may_cut =
      torn && last && rdb_.held == nullptr && node_.parameters().aof_load_truncated.load();
  if (may_cut) return CutEnd(part, path, parser.good_until());
  return absl::DataLossError(fmt::format("{} reading the append only file {}: offset {}: {}",
                                         torn ? "Unexpected end of file" : "Bad file format",
                                         part.name, parser.error_offset(), parser.reason()));
}

// Up to the end, or to what is wrong: the parser's next result tells which.
absl::Status AofLoader::LoadCommands(std::string_view name, AofParser& parser) {
  loading_ = name;
  lanes_.SelectFirst();
  place_.Begin();
  position_.clear();
  uint64_t good_until = parser.good_until();
  const uint64_t before = progress_.bytes.load() - parser.good_until();
  AofParser::Result result;
  while ((result = parser.Next()) <= AofParser::Result::kAnnotation) {
    if (rdb_.cancelled != nullptr && rdb_.cancelled->load(std::memory_order_relaxed)) {
      return absl::CancelledError("the load was given up");
    }
    if (result == AofParser::Result::kAnnotation) OnAnnotation(parser.annotation());
    if (result == AofParser::Result::kUnit) {
      position_.clear();
      place_.OnUnit(parser.good_until() - good_until);
    }
    good_until = parser.good_until();
    for (size_t i = 0; result == AofParser::Result::kUnit && i < parser.commands(); ++i) {
      const absl::Status status = lanes_.Add(parser.command(i), parser.begin());
      if (!status.ok()) {
        return {status.code(), fmt::format("{} reading the append only file {}, offset {}",
                                           Std(status.message()), name, parser.begin())};
      }
    }
    progress_.bytes.store(before + parser.good_until(), std::memory_order_relaxed);
    if (node_.parameters().key_load_delay.load() > 0) Delay();
  }
  lanes_.Rest();
  return absl::OkStatus();
}

// What was added is done before it, for who looks meanwhile.
void AofLoader::Delay() {
  constexpr int64_t kStepUs = 5000;
  lanes_.Rest();
  const auto delay = [this] { return node_.parameters().key_load_delay.load(); };
  for (int64_t waited = 0; waited < delay(); waited += kStepUs) {
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(kStepUs, delay() - waited)));
  }
}

absl::Status AofLoader::CutEnd(Part& part, const std::string& path, uint64_t good_until) {
  part.contents.reset();  // What is mapped may not be cut.
  position_.clear();
  const auto kept = persistence::CutTail(PosixFileSystem(), path, good_until);
  if (!kept.ok()) return kept.status();
  LogWarning("The append-only file's end was torn; it is cut, and kept beside it",
             {{"file", part.name}, {"offset", good_until}, {"kept", *kept}});
  return absl::OkStatus();
}

}  // namespace henge::server
