// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/aof_files.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/strings.h"

namespace henge::persistence {
namespace {

using Opening = FileSystem::Opening;

// The folder that a path names a file in.
std::string Folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::Status AofFiles::Load() {
  manifest_ = {};
  const std::string path = PathOf(ManifestName(filename_));
  const absl::StatusOr<std::unique_ptr<FileContents>> contents = files_.Read(path);
  if (absl::IsNotFound(contents.status())) return absl::OkStatus();
  if (!contents.ok()) return contents.status();
  absl::StatusOr<AofManifest> manifest = ParseManifest((*contents)->bytes());
  if (!manifest.ok()) {
    return absl::Status(manifest.status().code(),
                        absl::StrCat(path, ": ", manifest.status().message()));
  }
  manifest_ = *std::move(manifest);
  return absl::OkStatus();
}

uint64_t AofFiles::LoadedBytes() const {
  uint64_t bytes = 0;
  for (const AofPart& part : manifest_.Loaded())
    bytes += files_.Size(PathOf(part.name)).value_or(0);
  return bytes;
}

absl::StatusOr<bool> AofFiles::AdoptOldFile(const std::string& path) {
  // A crash between the two steps leaves a manifest whose base still stands outside.
  const bool half =
      manifest_.base && manifest_.base->name == filename_ && !files_.Size(PathOf(filename_)).ok();
  if (!manifest_.empty() && !half) return false;
  if (const absl::StatusOr<bool> there = FileExists(files_, path); !there.ok() || !*there) {
    return there;
  }
  if (absl::Status status = files_.MakeDirectory(directory_); !status.ok()) return status;
  AofManifest manifest = manifest_;
  manifest.base = {filename_, 1};
  manifest.base_sequence = 1;
  if (Replaced replaced = ReplaceManifest(manifest); !replaced.status.ok()) return replaced.status;
  manifest_ = std::move(manifest);
  if (absl::Status status = files_.Rename(path, PathOf(filename_)); !status.ok()) return status;
  for (const std::string& folder : {directory_, Folder(path)}) {
    if (absl::Status status = files_.SyncDirectory(folder); !status.ok()) return status;
  }
  return true;
}

absl::StatusOr<AofFiles::Increment> AofFiles::OpenLastIncrement() {
  if (manifest_.increments.empty()) return AddIncrement();
  const AofPart& part = manifest_.increments.back();
  absl::StatusOr<std::unique_ptr<File>> file = files_.Open(PathOf(part.name), Opening::kCreate);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  if (absl::Status status = files_.SyncDirectory(directory_); !status.ok()) return status;
  const uint64_t size = (*file)->size();
  return Increment{*std::move(file), size, part.sequence};
}

absl::StatusOr<AofFiles::Increment> AofFiles::AddIncrement() {
  if (absl::Status status = files_.MakeDirectory(directory_); !status.ok()) return status;
  AofManifest manifest = manifest_;
  const AofPart& part = manifest.AddIncrement(filename_);
  // A file of that name is what a step before has left, and is in no manifest.
  absl::StatusOr<std::unique_ptr<File>> file =
      files_.Open(PathOf(part.name), Opening::kCreateOrEmpty);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  if (absl::Status status = files_.SyncDirectory(directory_); !status.ok()) return status;
  // Were it visible, but not safe, the next try would write the same.
  if (Replaced replaced = ReplaceManifest(manifest); !replaced.status.ok()) return replaced.status;
  manifest_ = std::move(manifest);
  return Increment{*std::move(file), 0, manifest_.increments.back().sequence};
}

absl::Status AofFiles::WriteAgain(bool apart, uint64_t from) {
  return files_.WriteAgain(apart ? ApartPath() : PathOf(manifest_.increments.back().name), from);
}

absl::StatusOr<AofFiles::Increment> AofFiles::StartApart() {
  if (absl::Status status = files_.MakeDirectory(directory_); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<File>> file = files_.Open(ApartPath(), Opening::kCreateOrEmpty);
  if (!file.ok()) return file.status();
  // What an earlier one held must not come back under the name that this one gets.
  if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  return Increment{*std::move(file), 0, 0};
}

absl::StatusOr<int64_t> AofFiles::InstallBase(const std::string& temporary, BaseFormat format,
                                              int64_t first_kept) {
  AofManifest manifest = manifest_;
  manifest.ReplaceBase(filename_, format);
  const bool apart = first_kept == 0;
  manifest.Retire(apart ? std::numeric_limits<int64_t>::max() : first_kept);
  if (apart) first_kept = manifest.AddIncrement(filename_).sequence;
  const Replaced replaced = InstallFiles(manifest, temporary, apart);
  if (replaced.visible) {
    manifest_ = std::move(manifest);
  } else {
    // So that it can be tried again: the increment goes on apart, and the base leaves its room.
    if (apart) files_.Rename(PathOf(manifest.increments.back().name), ApartPath()).IgnoreError();
    files_.Remove(PathOf(manifest.base->name)).IgnoreError();
  }
  if (!replaced.status.ok()) return replaced.status;
  return first_kept;
}

AofFiles::Replaced AofFiles::InstallFiles(const AofManifest& manifest, const std::string& temporary,
                                          bool apart) {
  const auto failed = [](absl::Status status) { return Replaced{false, std::move(status)}; };
  {
    const absl::StatusOr<std::unique_ptr<File>> file = files_.Open(temporary, Opening::kExisting);
    if (!file.ok()) return failed(file.status());
    if (absl::Status status = (*file)->Sync(); !status.ok()) return failed(status);
  }
  absl::Status status = files_.Rename(temporary, PathOf(manifest.base->name));
  if (!status.ok()) return failed(status);
  if (apart) status = files_.Rename(ApartPath(), PathOf(manifest.increments.back().name));
  if (!status.ok()) return failed(status);
  if (status = files_.SyncDirectory(directory_); !status.ok()) return failed(status);
  return ReplaceManifest(manifest);
}

absl::StatusOr<std::vector<std::string>> AofFiles::HistoryNames() const {
  std::vector<std::string> names;
  if (manifest_.history.empty()) return names;
  if (absl::Status status = files_.SyncDirectory(directory_); !status.ok()) return status;
  for (const AofPart& part : manifest_.history) names.push_back(part.name);
  return names;
}

absl::Status AofFiles::ForgetHistory(std::span<const std::string> names) {
  AofManifest manifest = manifest_;
  std::erase_if(manifest.history, [&](const AofPart& part) {
    return std::find(names.begin(), names.end(), part.name) != names.end();
  });
  if (manifest == manifest_) return absl::OkStatus();
  const Replaced replaced = ReplaceManifest(manifest);
  if (replaced.visible) manifest_ = std::move(manifest);
  return replaced.status;
}

absl::Status AofFiles::RemoveFile(const std::string& name) const {
  absl::Status status = files_.Remove(PathOf(name));
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status AofFiles::DeleteHistory() {
  const absl::StatusOr<std::vector<std::string>> names = HistoryNames();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (absl::Status status = RemoveFile(name); !status.ok()) return status;
  }
  return ForgetHistory(*names);
}

void AofFiles::RemoveLeftovers() {
  const absl::StatusOr<std::vector<std::string>> names = files_.List(directory_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const bool ours = name.starts_with("temp-rewriteaof-" + filename_) ||
                      name == "temp-" + filename_ + ".incr" ||
                      name == TemporaryManifestName(filename_);
    if (ours && !manifest_.Names(name)) RemoveFile(name).IgnoreError();
  }
}

absl::Status AofFiles::WriteTemporary(const std::string& path, std::string_view text) {
  const absl::StatusOr<std::unique_ptr<File>> file = files_.Open(path, Opening::kCreateOrEmpty);
  if (!file.ok()) return file.status();
  const std::string_view pieces[] = {text};
  if (absl::Status status = (*file)->Append(pieces).status; !status.ok()) return status;
  return (*file)->Sync();
}

AofFiles::Replaced AofFiles::ReplaceManifest(const AofManifest& manifest) {
  const std::string temporary = PathOf(TemporaryManifestName(filename_));
  if (absl::Status status = WriteTemporary(temporary, FormatManifest(manifest)); !status.ok()) {
    return {false, status};
  }
  if (absl::Status status = files_.Rename(temporary, PathOf(ManifestName(filename_)));
      !status.ok()) {
    return {false, status};
  }
  return {true, files_.SyncDirectory(directory_)};
}

absl::Status CutRoom(FileSystem& files, const std::string& path, uint64_t offset) {
  const absl::StatusOr<std::unique_ptr<File>> file = files.Open(path, Opening::kExisting);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Truncate(offset); !status.ok()) return status;
  return (*file)->Sync();
}

absl::StatusOr<std::string> CutTail(FileSystem& files, const std::string& path, uint64_t offset) {
  const std::string beside = absl::StrCat(path, ".cut-", offset);
  {
    const absl::StatusOr<std::unique_ptr<FileContents>> contents = files.Read(path);
    if (!contents.ok()) return contents.status();
    const absl::StatusOr<std::unique_ptr<File>> file = files.Open(beside, Opening::kCreateOrEmpty);
    if (!file.ok()) return file.status();
    const std::string_view pieces[] = {(*contents)->bytes().substr(offset)};
    if (absl::Status status = (*file)->Append(pieces).status; !status.ok()) return status;
    if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  }
  if (absl::Status status = files.SyncDirectory(Folder(path)); !status.ok()) return status;
  if (absl::Status status = CutRoom(files, path, offset); !status.ok()) return status;
  return beside;
}

}  // namespace henge::persistence
