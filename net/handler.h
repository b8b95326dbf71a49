// SPDX-License-Identifier: Apache-2.0
// What the front end asks of the floor above: one ConnectionHandler per connection, made by the
// HandlerFactory. All calls come from the connection's worker thread, except Admit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/resp_parser.h"

namespace henge::net {

class Connection;

// The commands of one read, their arguments views into the read buffer.
class Batch {
 public:
  size_t size() const { return commands_.size(); }
  std::span<const std::string_view> argv(size_t i) const {
    const Range& range = commands_[i];
    return std::span(args_).subspan(range.first, range.count);
  }
  // Command `i` as it came, if that is exactly how Henge would write it; otherwise empty.
  std::string_view wire(size_t i) const { return commands_[i].wire; }
  // Offset in the read buffer behind command `i`.
  size_t end(size_t i) const { return commands_[i].end; }

 private:
  friend class Connection;
  struct Range {
    uint32_t first;
    uint32_t count;
    size_t end;
    std::string_view wire;
  };
  static constexpr size_t kKeptArgs = 64 * 1024;  // Room for more is given back.
  void Clear() {
    if (args_.capacity() > kKeptArgs) args_ = std::vector<std::string_view>();
    args_.clear();
    commands_.clear();
  }
  std::vector<std::string_view> args_;
  std::vector<Range> commands_;
};

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  // Hints, in two steps a little apart: these bytes came and will be executed when those of a few
  // other connections have come, too. What their first command needs can be fetched from memory.
  virtual void Foresee(std::string_view) {}
  virtual void ForeseeMore() {}
  // Executes the batch in order, replies into the connection's buffer. Returns how many commands
  // were taken: fewer than all when the connection was suspended or is to close.
  virtual size_t Execute(const Batch& batch) = 0;
  virtual void OnProtocolError(std::string_view text) = 0;
  virtual proto::ParserLimits Limits() const = 0;
  // After each round of work on the connection, and whenever replies were left unsent: sizes may be
  // published, limits enforced. Returns false to close.
  virtual bool AfterWork() = 0;
  // Before replies are sent. False: they must not be, and the connection closes.
  virtual bool MaySend() { return true; }
  // After replies were sent, as far as the socket took them.
  virtual void AfterFlush() {}
};

class HandlerFactory {
 public:
  virtual ~HandlerFactory() = default;
  // May a connection from `address` come in, being the `open`-th? The refusal's full line, or none.
  virtual std::optional<std::string> Admit(std::string_view address, bool unix_socket,
                                           size_t open) = 0;
  virtual std::unique_ptr<ConnectionHandler> Open(Connection& connection) = 0;
};

}  // namespace henge::net
