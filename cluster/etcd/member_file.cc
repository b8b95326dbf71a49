// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/member_file.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <array>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace henge::cluster {
namespace {

using persistence::FileSystem;

constexpr std::string_view kFirstLine = "henge etcd member 1";
constexpr size_t kLines = 5;  // The first, three names, and the empty one after the last.
constexpr size_t kMaxBytes = 4096;

}  // namespace

std::string MemberFile::Path() const { return persistence::JoinPath(directory_, "member"); }

absl::StatusOr<std::optional<MemberIdentity>> MemberFile::Read() {
  if (absl::Status made = files_.MakeDirectory(directory_); !made.ok()) return made;
  const auto embedded =
      persistence::FileExists(files_, persistence::JoinPath(directory_, "identity"));
  if (!embedded.ok()) return embedded.status();
  if (*embedded) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory_, " is of a node of the embedded coordinator: choose another ",
                     "cluster-config-file, or remove it"));
  }
  const absl::StatusOr<bool> exists = persistence::FileExists(files_, Path());
  if (!exists.ok()) return exists.status();
  if (!*exists) return std::optional<MemberIdentity>();
  const auto contents = files_.Read(Path());
  if (!contents.ok()) return contents.status();
  const std::string_view bytes = (*contents)->bytes();
  std::vector<std::string> lines;
  if (bytes.size() <= kMaxBytes) lines = absl::StrSplit(Absl(bytes), '\n');
  if (lines.size() != kLines || lines[0] != kFirstLine || !lines[4].empty())
    return absl::DataLossError(absl::StrCat(Path(), " is damaged"));
  const auto node = NodeId::Parse(lines[1]);
  const auto next = NodeId::Parse(lines[2]);
  if (!node || node->IsZero() || !next)
    return absl::DataLossError(absl::StrCat(Path(), " is damaged: it names no node"));
  return MemberIdentity{.node = *node, .next = *next, .cluster = lines[3]};
}

absl::Status MemberFile::Write(const MemberIdentity& member) {
  const std::string whole = absl::StrCat(Absl(kFirstLine), "\n", member.node.str(), "\n",
                                         member.next.str(), "\n", member.cluster, "\n");
  const std::string draft = Path() + "-draft";
  auto file = files_.Open(draft, FileSystem::Opening::kCreateOrEmpty);
  if (!file.ok()) return file.status();
  const std::array<std::string_view, 1> pieces = {whole};
  if (absl::Status written = (*file)->Append(pieces).status; !written.ok()) return written;
  if (absl::Status synced = (*file)->Sync(); !synced.ok()) return synced;
  if (absl::Status renamed = files_.Rename(draft, Path()); !renamed.ok()) return renamed;
  return files_.SyncDirectory(directory_);
}

}  // namespace henge::cluster
