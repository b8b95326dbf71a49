// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/coordinator_identity.h"

#include <absl/strings/str_cat.h>

#include <array>

#include "base/strings.h"
#include "cluster/consensus/byte_codec.h"
#include "cluster/topology/codec.h"
#include "henge/coordinator.pb.h"
#include "persistence/rdb/crc64.h"

namespace henge::cluster {
namespace {

namespace wire = henge::coordinator;
using persistence::FileSystem;

constexpr uint32_t kFormat = 1;

std::string Encode(const CoordinatorIdentity& identity) {
  wire::Identity out;
  out.set_format(kFormat);
  out.set_node(identity.node.str());
  out.set_token(identity.token);
  out.set_peer(identity.peer);
  out.set_stay(identity.stay);
  out.set_founded(identity.founded);
  out.set_begun(identity.begun);
  out.set_cluster(identity.cluster);
  Write(*identity.first, *out.mutable_topology());
  for (const KnownPeer& peer : identity.first_members) Write(peer, *out.add_first_members());
  for (const KnownPeer& peer : identity.known) Write(peer, *out.add_known());
  for (const auto& [node, token] : identity.tokens) {
    wire::Token& written = *out.add_tokens();
    written.set_node(node.str());
    written.set_token(token);
  }
  if (identity.joining) {
    out.set_joining_peer(identity.joining->peer);
    out.set_joining_host(identity.joining->host);
    out.set_joining_port(identity.joining->bus_port);
  }
  return out.SerializeAsString();
}

absl::StatusOr<CoordinatorIdentity> Decode(std::string_view bytes) {
  wire::Identity in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || in.format() != kFormat)
    return absl::DataLossError("it is of another format");
  CoordinatorIdentity identity;
  const auto node = NodeId::Parse(in.node());
  absl::StatusOr<TopologyPtr> first = Read(in.topology());
  if (!node || in.peer() == consensus::kNobody) return absl::DataLossError("it names no node");
  if (!first.ok()) return first.status();
  identity.node = *node;
  identity.token = in.token();
  identity.peer = in.peer();
  identity.stay = in.stay();
  identity.founded = in.founded();
  identity.begun = in.begun();
  identity.cluster = in.cluster();
  identity.first = *std::move(first);
  for (const wire::KnownPeer& peer : in.first_members())
    identity.first_members.push_back(Read(peer));
  for (const wire::KnownPeer& peer : in.known()) identity.known.push_back(Read(peer));
  for (const wire::Token& token : in.tokens())
    identity.tokens[NodeId::Parse(token.node()).value_or(NodeId())] = token.token();
  if (in.joining_peer() != consensus::kNobody) {
    identity.joining = PendingJoin{.peer = in.joining_peer(),
                                   .host = in.joining_host(),
                                   .bus_port = static_cast<uint16_t>(in.joining_port())};
  }
  return identity;
}

}  // namespace

std::string IdentityFile::Path() const { return persistence::JoinPath(directory_, "identity"); }

std::string IdentityFile::LogDirectory(uint64_t stay) const {
  return persistence::JoinPath(directory_, absl::StrCat("log-", stay));
}

absl::StatusOr<std::optional<CoordinatorIdentity>> IdentityFile::Read() {
  if (absl::Status made = files_.MakeDirectory(directory_); !made.ok()) return made;
  const absl::StatusOr<bool> exists = persistence::FileExists(files_, Path());
  if (!exists.ok()) return exists.status();
  if (!*exists) return std::optional<CoordinatorIdentity>();
  const auto contents = files_.Read(Path());
  if (!contents.ok()) return contents.status();
  const auto damaged = [&](std::string_view why) {
    return absl::DataLossError(absl::StrCat(Path(), " is damaged: ", Absl(why)));
  };
  if ((*contents)->bytes().size() > kMaxBytes) return damaged("it is too large");
  consensus::ByteReader in((*contents)->bytes());
  const uint64_t check = in.Number();
  const std::string_view bytes = in.View();
  if (!in.AtEnd() || check != persistence::Crc64(0, bytes)) return damaged("it fails its check");
  absl::StatusOr<CoordinatorIdentity> identity = Decode(bytes);
  if (!identity.ok()) return damaged(Std(identity.status().message()));
  return std::optional<CoordinatorIdentity>(*std::move(identity));
}

absl::Status IdentityFile::Write(const CoordinatorIdentity& identity) {
  const std::string bytes = Encode(identity);
  consensus::ByteWriter out;
  out.Number(persistence::Crc64(0, bytes));
  out.Text(bytes);
  const std::string whole = std::move(out).Take();
  const std::string draft = Path() + "-draft";
  auto file = files_.Open(draft, FileSystem::Opening::kCreateOrEmpty);
  if (!file.ok()) return file.status();
  const std::array<std::string_view, 1> pieces = {whole};
  if (absl::Status written = (*file)->Append(pieces).status; !written.ok()) return written;
  if (absl::Status synced = (*file)->Sync(); !synced.ok()) return synced;
  if (absl::Status renamed = files_.Rename(draft, Path()); !renamed.ok()) return renamed;
  return files_.SyncDirectory(directory_);
}

absl::StatusOr<bool> IdentityFile::HasLog(uint64_t stay) const {
  const auto names = files_.List(LogDirectory(stay));
  if (absl::IsNotFound(names.status())) return false;
  if (!names.ok()) return names.status();
  return !names->empty();
}

void IdentityFile::RemoveLogsBefore(uint64_t stay) {
  for (uint64_t former = stay - 1; former > 0; --former) {
    const auto names = files_.List(LogDirectory(former));
    if (!names.ok() || names->empty()) return;  // The ones before went when this one did.
    for (const std::string& name : *names)
      files_.Remove(persistence::JoinPath(LogDirectory(former), name)).IgnoreError();
  }
}

}  // namespace henge::cluster
