// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/wal_format.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "base/numbers.h"
#include "base/strings.h"
#include "cluster/consensus/planted_bugs.h"
#include "cluster/consensus/record_codec.h"
#include "persistence/rdb/crc64.h"

namespace henge::consensus {

namespace {

constexpr uint64_t kHead = 16;
constexpr uint64_t kFoot = 9;
constexpr char kEndMark = '\xa5';
constexpr uint64_t kSector = 512;
// A size is written exclusive-or this, so that its bytes are not those of what never arrived.
constexpr uint64_t kSizeMask = 0xa55aa55aa55aa55a;
constexpr std::string_view kSnapshotMagic = "henge consensus snapshot 1\n";
constexpr std::string_view kSegmentPrefix = "wal-";
constexpr std::string_view kSnapshotPrefix = "snapshot-";

enum Flags : uint8_t { kFirst = 1, kCheckpoint = 2, kHasSnapshot = 4, kHasHard = 8 };

uint64_t Check(uint64_t segment, uint64_t offset, std::string_view bytes) {
  ByteWriter place;
  place.Number(segment);
  place.Number(offset);
  place.Number(bytes.size());
  return persistence::Crc64(persistence::Crc64(0, std::move(place).Take()), bytes);
}

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// Whether a sector's share of bytes[begin, end) never arrived. Shares of a few bytes may be zero.
bool LacksSector(std::string_view bytes, uint64_t begin, uint64_t end, uint64_t least) {
  for (uint64_t at = begin; at < end;) {
    const uint64_t next = std::min(end, (at / kSector + 1) * kSector);
    if (next - at >= least && AllZero(bytes.substr(at, next - at))) return true;
    at = next;
  }
  return false;
}

std::optional<WalBatch> ParseBody(std::string_view body, uint64_t segment) {
  ByteReader in(body);
  WalBatch batch;
  if (in.Number() != segment) return std::nullopt;
  const uint8_t flags = in.Byte();
  batch.first = (flags & kFirst) != 0;
  batch.checkpoint = (flags & kCheckpoint) != 0;
  batch.synced = in.Number();
  if ((flags & kHasSnapshot) != 0) {
    batch.snapshot.emplace();
    batch.snapshot->first = in.Number();
    batch.snapshot->second = in.Number();
  }
  if ((flags & kHasHard) != 0) {
    batch.hard.emplace();
    batch.hard->term = in.Number();
    batch.hard->vote = in.Number();
    batch.hard->commit = in.Number();
  }
  for (uint64_t left = in.Number(); left > 0 && in.ok(); --left)
    batch.entries.push_back(ReadEntry(in));
  if (!in.AtEnd() || batch.checkpoint != batch.snapshot.has_value()) return std::nullopt;
  return batch;
}

// One batch after the other; stops at the first that is not whole.
class SegmentReader {
 public:
  SegmentReader(std::string_view bytes, uint64_t segment) : bytes_(bytes), segment_(segment) {}

  enum class Found : uint8_t { kBatch, kEnd, kTorn, kDamage };
  Found Next(WalBatch& out) {
    begin_ = at_;
    const std::string_view rest = bytes_.substr(at_);
    if (rest.empty()) return Found::kEnd;
    if (rest.size() < kHead) return Found::kTorn;
    ByteReader head(rest);
    const uint64_t size = head.Number() ^ kSizeMask;
    if (head.Number() != Check(segment_, at_, rest.substr(0, 8))) return BadHead(rest);
    if (size > rest.size() - kHead || rest.size() - kHead - size < kFoot) return Found::kTorn;
    at_ += kHead + size + kFoot;
    const std::string_view body = rest.substr(kHead, size);
    ByteReader foot(rest.substr(kHead + size));
    const bool sound = foot.Number() == Check(segment_, begin_, body);
    if ((!sound || bytes_[at_ - 1] != kEndMark) && !Planted(Bug::kWalNoCheck)) {
      const bool never_arrived =
          bytes_[at_ - 1] == '\0' || LacksSector(bytes_, begin_, at_, kSector / 8);
      return never_arrived || Planted(Bug::kWalDamageIsTorn) ? Found::kTorn : Found::kDamage;
    }
    std::optional<WalBatch> batch = ParseBody(body, segment_);
    if (!batch || batch->first != (begin_ == 0)) return Found::kDamage;
    out = *std::move(batch);
    return Found::kBatch;
  }

  uint64_t begin() const { return begin_; }  // Of the batch just looked at.
  bool AtEnd() const { return at_ >= bytes_.size() || at_ == begin_; }

 private:
  Found BadHead(std::string_view rest) const {
    const bool ends = AllZero(rest.substr(kHead));
    return ends || LacksSector(bytes_, begin_, begin_ + kHead, 1) ? Found::kTorn : Found::kDamage;
  }

  std::string_view bytes_;
  uint64_t segment_;
  uint64_t at_ = 0;
  uint64_t begin_ = 0;
};

}  // namespace

std::string EncodeBatch(const WalBatch& batch, uint64_t segment, uint64_t offset) {
  ByteWriter body;
  body.Number(segment);
  body.Byte(static_cast<uint8_t>((batch.first ? kFirst : 0) | (batch.checkpoint ? kCheckpoint : 0) |
                                 (batch.snapshot ? kHasSnapshot : 0) |
                                 (batch.hard ? kHasHard : 0)));
  body.Number(batch.synced);
  if (batch.snapshot) {
    body.Number(batch.snapshot->first);
    body.Number(batch.snapshot->second);
  }
  if (batch.hard) {
    body.Number(batch.hard->term);
    body.Number(batch.hard->vote);
    body.Number(batch.hard->commit);
  }
  body.Number(batch.entries.size());
  for (const Entry& entry : batch.entries) WriteEntry(entry, body);
  const std::string bytes = std::move(body).Take();
  ByteWriter head;
  head.Number(bytes.size() ^ kSizeMask);
  std::string out = std::move(head).Take();
  ByteWriter checks;
  checks.Number(Check(segment, offset, out));
  out += std::move(checks).Take();
  out += bytes;
  ByteWriter foot;
  foot.Number(Check(segment, offset, bytes));
  out += std::move(foot).Take();
  out.push_back(kEndMark);
  return out;
}

absl::StatusOr<SegmentContents> ReadSegment(std::string_view bytes, uint64_t segment, bool last,
                                            std::string_view name) {
  using Found = SegmentReader::Found;
  SegmentContents contents;
  SegmentReader reader(bytes, segment);
  const auto damage = [&](uint64_t offset, std::string_view what) {
    return absl::DataLossError(
        absl::StrCat(Absl(name), " is damaged at offset ", offset, ": ", Absl(what)));
  };
  while (true) {
    WalBatch batch;
    const Found found = reader.Next(batch);
    const uint64_t offset = reader.begin();
    if (found == Found::kEnd) return contents;
    if (found == Found::kDamage) return damage(offset, "the batch there fails its check");
    if (found == Found::kTorn && !last)
      return damage(offset, "a batch is incomplete in a segment that others follow");
    if (found == Found::kTorn && !contents.torn_at) contents.torn_at = offset;
    if (found == Found::kBatch && contents.torn_at && batch.synced > *contents.torn_at)
      return damage(*contents.torn_at, "the batch there is incomplete, but was synced");
    if (found == Found::kBatch && !contents.torn_at) contents.batches.push_back(std::move(batch));
    if (found == Found::kTorn && reader.AtEnd()) return contents;
  }
}

std::string EncodeSnapshotFile(const Snapshot& snapshot) {
  const std::string bytes = EncodeSnapshot(snapshot);
  ByteWriter out;
  out.Text(bytes);
  out.Number(persistence::Crc64(0, bytes));
  return std::string(kSnapshotMagic) + std::move(out).Take();
}

absl::StatusOr<Snapshot> ReadSnapshotFile(std::string_view bytes, std::string_view name) {
  const auto damage = [&](std::string_view what) {
    return absl::DataLossError(absl::StrCat(Absl(name), " is damaged: ", Absl(what)));
  };
  if (!bytes.starts_with(kSnapshotMagic)) return damage("it does not begin as a snapshot does");
  ByteReader in(bytes.substr(kSnapshotMagic.size()));
  const std::string_view content = in.View();
  const uint64_t check = in.Number();
  if (!in.AtEnd()) return damage("it has another size than it says");
  if (check != persistence::Crc64(0, content)) return damage("it fails its check");
  std::optional<Snapshot> snapshot = DecodeSnapshot(content);
  if (!snapshot) return damage("its content can't be read");
  return *std::move(snapshot);
}

std::string SegmentName(uint64_t number) {
  return absl::StrCat(Absl(kSegmentPrefix), absl::Dec(number, absl::kZeroPad16));
}

std::optional<uint64_t> SegmentNumber(std::string_view name) {
  if (!name.starts_with(kSegmentPrefix)) return std::nullopt;
  std::string_view digits = name.substr(kSegmentPrefix.size());
  if (digits.size() != 16) return std::nullopt;
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return ParseUint64(digits);
}

std::string SnapshotName(Index index, uint64_t segment) {
  return absl::StrCat(Absl(kSnapshotPrefix), index, "-", segment);
}

bool IsSnapshotName(std::string_view name) { return name.starts_with(kSnapshotPrefix); }

}  // namespace henge::consensus
