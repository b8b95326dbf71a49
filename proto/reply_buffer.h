// SPDX-License-Identifier: Apache-2.0
// ReplyBuffer: the bytes a connection has yet to send. Small replies are copied into one growing
// run; large values ride along as references to their Blob and are sent from where they lie.
//
//   run:     [ sent ][ ......... ][ ....... ][ open end ]
//   pieces:          run 40..128, blob, run 128..256, blob
//
// When the reader is slow, Seal makes the run a blob of its own and starts another, so that what is
// sent is given back piece by piece and what waits is never moved.
//
// One thread at a time.
#pragma once

#include <sys/uio.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "base/blob.h"

namespace henge::proto {

class ReplyBuffer {
 public:
  ReplyBuffer() = default;
  ~ReplyBuffer() {
    if (run_ != nullptr) run_->Unref();
  }
  ReplyBuffer(const ReplyBuffer&) = delete;
  ReplyBuffer& operator=(const ReplyBuffer&) = delete;
  ReplyBuffer(ReplyBuffer&& other) noexcept { Swap(other); }
  ReplyBuffer& operator=(ReplyBuffer&& other) noexcept {
    Swap(other);
    return *this;
  }
  void Swap(ReplyBuffer& other) noexcept;

  // A place for at least `n` bytes; Commit says how many were written.
  char* Reserve(size_t n) {
    if (size_ + n > capacity_) Grow(n);
    return data_ + size_;
  }
  void Commit(size_t n) { size_ += n; }
  void Append(std::string_view bytes) {
    if (bytes.empty()) return;  // Its data may be null.
    std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void Attach(BlobRef blob);
  // What another has yet to send.
  void Append(const ReplyBuffer& other);

  // Everything not yet sent.
  size_t pending() const { return piece_bytes_ + (size_ - open_from_); }
  bool empty() const { return pending() == 0; }
  size_t capacity() const { return capacity_; }
  // Whether it has memory of its own.
  bool allocated() const { return capacity_ + pieces_.capacity() != 0; }

  // Fills up to `max` vectors with what to send next; returns how many.
  int Vectors(iovec* out, int max) const;
  // Marks `n` more bytes as sent; drops what is done with.
  void Sent(size_t n);
  // The rest waits for a slow reader: a run that has grown is closed. Ends the life of marks.
  void Seal();
  void Clear();

  // For CLIENT REPLY OFF and failed transactions: forget what was written after a mark. A mark
  // lives until something is sent.
  struct Mark {
    size_t size;
    size_t blobs;
    size_t open_from = 0;
  };
  Mark GetMark() const { return {size_, pieces_.size(), open_from_}; }
  void TruncateTo(Mark mark);
  // Puts `bytes` in the place of the `old_bytes` that stand behind the mark; what follows moves.
  // REQUIRES: no blob attached since the mark.
  void Replace(Mark mark, size_t old_bytes, std::string_view bytes);
  // REQUIRES: no blob attached since the mark.
  std::string_view Since(Mark mark) const { return {data_ + mark.size, size_ - mark.size}; }

 private:
  struct Piece {
    BlobRef blob;  // None: the run.
    size_t from;
    size_t to;
  };
  void Grow(size_t n);
  void CloseRun();  // Makes a piece of the open end.

  Blob* run_ = nullptr;  // Unique; its size() is not kept.
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  size_t open_from_ = 0;  // Where the run's last part starts, which is in no piece yet.
  std::vector<Piece> pieces_;
  size_t first_ = 0;  // Pieces before it are sent.
  size_t piece_bytes_ = 0;
};

}  // namespace henge::proto
