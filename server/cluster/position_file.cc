// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/position_file.h"

#include <string_view>

#include "persistence/file.h"

namespace henge::server {
namespace {

constexpr std::string_view kName = "henge-position";
constexpr size_t kMostBytes = 256;

}  // namespace

std::string PositionFileIn(const std::string& directory) {
  return persistence::JoinPath(directory, kName);
}

std::optional<SavedPosition> ReadPositionFile(const std::string& path) {
  const auto contents = persistence::PosixFileSystem().Read(path);
  if (!contents.ok() || (*contents)->bytes().size() > kMostBytes) return std::nullopt;
  return ParsePosition((*contents)->bytes());
}

absl::Status WritePositionFile(const std::string& path, const SavedPosition& position) {
  persistence::FileSystem& files = persistence::PosixFileSystem();
  const std::string temporary = path + ".temp";
  {
    auto file = files.Open(temporary, persistence::FileSystem::Opening::kCreateOrEmpty);
    if (!file.ok()) return file.status();
    const std::string line = FormatPosition(position);
    const std::string_view piece = line;
    const auto appended = (*file)->Append({&piece, 1});
    if (!appended.status.ok()) return appended.status;
  }
  return files.Rename(temporary, path);
}

}  // namespace henge::server
