// SPDX-License-Identifier: Apache-2.0
// Replies of members with or without their scores: a flat array under RESP2, pairs under RESP3.
#pragma once

#include <cstddef>
#include <string_view>

#include "proto/reply_writer.h"

namespace henge::commands {

class ScoredReply {
 public:
  ScoredReply(proto::ReplyWriter& reply, bool with_scores)
      : reply_(reply), with_scores_(with_scores), nested_(with_scores && reply.resp3()) {}

  void Begin(size_t members) { reply_.Array(with_scores_ && !nested_ ? members * 2 : members); }
  void Add(std::string_view member, double score) {
    if (nested_) reply_.Array(2);
    reply_.Bulk(member);
    if (with_scores_) reply_.Double(score);
  }

 private:
  proto::ReplyWriter& reply_;
  bool with_scores_;
  bool nested_;
};

}  // namespace henge::commands
