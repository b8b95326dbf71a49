// SPDX-License-Identifier: Apache-2.0
#include "proto/reply_buffer.h"

#include <algorithm>
#include <cstdlib>

namespace henge::proto {
namespace {

constexpr size_t kFirstBytes = 1024;     // Allocated at first, the blob's header included.
constexpr size_t kSealFrom = 64 * 1024;  // A shorter run is not worth closing.
constexpr size_t kSentPiecesBeforeErase = 64;
constexpr size_t kKeptPieces = 1024;  // Room for more is given back.

}  // namespace

void ReplyBuffer::Swap(ReplyBuffer& other) noexcept {
  std::swap(run_, other.run_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(open_from_, other.open_from_);
  pieces_.swap(other.pieces_);
  std::swap(first_, other.first_);
  std::swap(piece_bytes_, other.piece_bytes_);
}

void ReplyBuffer::Grow(size_t n) {
  const size_t bytes = std::max({kFirstBytes, sizeof(Blob) + size_ + n,
                                 run_ == nullptr ? 0 : 2 * (sizeof(Blob) + capacity_)});
  capacity_ = bytes - sizeof(Blob);
  run_ = run_ == nullptr ? Blob::New(0, capacity_) : Blob::Resize(run_, capacity_);
  data_ = run_->data();
}

void ReplyBuffer::CloseRun() {
  if (open_from_ == size_) return;
  pieces_.push_back({BlobRef(), open_from_, size_});
  piece_bytes_ += size_ - open_from_;
  open_from_ = size_;
}

void ReplyBuffer::Attach(BlobRef blob) {
  const size_t size = blob->size();
  if (size == 0) return;
  CloseRun();
  pieces_.push_back({std::move(blob), 0, size});
  piece_bytes_ += size;
}

void ReplyBuffer::Append(const ReplyBuffer& other) {
  for (size_t i = other.first_; i < other.pieces_.size(); ++i) {
    const Piece& piece = other.pieces_[i];
    if (piece.blob && piece.from == 0 && piece.to == piece.blob->size()) {
      Attach(piece.blob);
    } else {
      const char* base = piece.blob ? piece.blob->data() : other.data_;
      Append(std::string_view(base + piece.from, piece.to - piece.from));
    }
  }
  Append(std::string_view(other.data_ + other.open_from_, other.size_ - other.open_from_));
}

int ReplyBuffer::Vectors(iovec* out, int max) const {
  int n = 0;
  for (size_t i = first_; i < pieces_.size() && n < max; ++i) {
    const Piece& piece = pieces_[i];
    char* base = piece.blob ? piece.blob->data() : data_;
    out[n++] = {base + piece.from, piece.to - piece.from};
  }
  if (n < max && open_from_ < size_) out[n++] = {data_ + open_from_, size_ - open_from_};
  return n;
}

void ReplyBuffer::Sent(size_t n) {
  for (; n > 0 && first_ < pieces_.size(); pieces_[first_++].blob = BlobRef()) {
    Piece& piece = pieces_[first_];
    const size_t part = std::min(n, piece.to - piece.from);
    piece.from += part;
    piece_bytes_ -= part;
    n -= part;
    if (piece.from < piece.to) break;
  }
  open_from_ += n;
  if (empty()) return Clear();
  if (first_ >= kSentPiecesBeforeErase && first_ * 2 >= pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

void ReplyBuffer::Seal() {
  if (size_ < kSealFrom) return;
  CloseRun();
  if (size_ < capacity_ / 2) run_ = Blob::Resize(run_, size_);
  const BlobRef run = BlobRef::Adopt(run_);
  for (size_t i = first_; i < pieces_.size(); ++i) {
    if (!pieces_[i].blob) pieces_[i].blob = run;
  }
  run_ = nullptr;
  data_ = nullptr;
  size_ = capacity_ = open_from_ = 0;
}

void ReplyBuffer::Clear() {
  size_ = 0;
  open_from_ = 0;
  if (pieces_.capacity() > kKeptPieces) pieces_ = std::vector<Piece>();
  pieces_.clear();
  first_ = 0;
  piece_bytes_ = 0;
}

void ReplyBuffer::Replace(Mark mark, size_t old_bytes, std::string_view bytes) {
  if (bytes.size() > old_bytes) Reserve(bytes.size() - old_bytes);
  char* at = data_ + mark.size;
  const size_t tail = size_ - mark.size - old_bytes;
  if (bytes.size() != old_bytes) std::memmove(at + bytes.size(), at + old_bytes, tail);
  std::memcpy(at, bytes.data(), bytes.size());
  size_ = mark.size + bytes.size() + tail;
}

void ReplyBuffer::TruncateTo(Mark mark) {
  while (pieces_.size() > mark.blobs) {
    piece_bytes_ -= pieces_.back().to - pieces_.back().from;
    pieces_.pop_back();
  }
  size_ = mark.size;
  open_from_ = mark.open_from;
}

}  // namespace henge::proto
