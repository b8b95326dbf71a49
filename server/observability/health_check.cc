// SPDX-License-Identifier: Apache-2.0
#include "server/observability/health_check.h"

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"
#include "server/apply_config.h"
#include "server/migrate/target_link.h"
#include "server/node.h"

namespace henge::server {
namespace {

using Membership = HealthQuestion::Membership;
using Fields = StringMap<std::string>;

constexpr int kNothingStopsIt = -1;
constexpr int64_t kMaxReply = 64 * 1024;

// What the address that a node listens on is called by who stands beside it.
std::string Reachable(std::string address) {
  if (address.starts_with('-')) address.erase(0, 1);
  if (address == "*" || address == "0.0.0.0") return "127.0.0.1";
  return address == "::" || address == "::*" ? "::1" : address;
}

class Conversation {
 public:
  explicit Conversation(const HealthQuestion& question) : question_(question) {}

  absl::Status Open() {
    absl::Status first = absl::UnavailableError("no address to ask");
    for (size_t i = 0; i < question_.hosts.size(); ++i) {
      const std::string& host = question_.hosts[i];
      absl::Status status = link_.Open(host, std::to_string(question_.port), question_.timeout_ms);
      if (status.ok()) return status;
      if (i > 0) continue;
      first =
          absl::UnavailableError(absl::StrCat(host, ":", question_.port, ": ", status.message()));
    }
    return first;
  }

  // The first line of the reply; an error reply is an error.
  absl::StatusOr<std::string> Ask(std::initializer_list<std::string_view> words) {
    std::string request = absl::StrCat("*", words.size(), "\r\n");
    for (const std::string_view word : words) {
      absl::StrAppend(&request, "$", word.size(), "\r\n", Absl(word), "\r\n");
    }
    if (absl::Status status = link_.Write(request, question_.timeout_ms); !status.ok()) {
      return status;
    }
    absl::StatusOr<std::string> line = link_.ReadLine(question_.timeout_ms);
    if (line.ok() && line->starts_with('-')) {
      return absl::FailedPreconditionError(line->substr(1));
    }
    return line;
  }

  // A reply in the form of INFO.
  absl::StatusOr<Fields> AskFields(std::initializer_list<std::string_view> words) {
    const absl::StatusOr<std::string> head = Ask(words);
    if (!head.ok()) return head.status();
    const auto size = ParseInt64(std::string_view(*head).substr(std::min<size_t>(1, head->size())));
    if (!head->starts_with('$') || !size || *size < 0 || *size > kMaxReply) {
      return absl::DataLossError("not the reply of a Henge");
    }
    Fields fields;
    int64_t left = *size;
    while (left >= 0) {  // At 0 its end is still to come, if its last line had one of its own.
      const absl::StatusOr<std::string> line = link_.ReadLine(question_.timeout_ms);
      if (!line.ok()) return line.status();
      left -= static_cast<int64_t>(line->size()) + 2;
      const size_t colon = line->find(':');
      if (colon != line->npos) fields[line->substr(0, colon)] = line->substr(colon + 1);
    }
    return fields;
  }

 private:
  const HealthQuestion& question_;
  TargetLink link_{kNothingStopsIt};
};

absl::Status CheckCluster(Conversation& node) {
  absl::StatusOr<Fields> fields = node.AskFields({"CLUSTER", "INFO"});
  if (!fields.ok()) return fields.status();
  const std::string& state = (*fields)["cluster_state"];
  if (state == "ok") return absl::OkStatus();
  return absl::FailedPreconditionError("cluster_state:" + state);
}

absl::Status CheckGroup(Conversation& node, const std::string& group) {
  absl::StatusOr<Fields> fields = node.AskFields({"INFO", "replication"});
  if (!fields.ok()) return fields.status();
  if ((*fields)["role"] == "slave" && (*fields)["master_link_status"] != "up") {
    return absl::FailedPreconditionError("master_link_status:down");
  }
  // Last, because only its first line is read.
  const absl::StatusOr<std::string> leader =
      node.Ask({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", group});
  if (!leader.ok()) return leader.status();
  if (*leader == "*2") return absl::OkStatus();
  return absl::FailedPreconditionError("the group has no leader");
}

}  // namespace

HealthQuestion HealthQuestionFrom(const Settings& settings) {
  const NodeOptions options = OptionsFrom(settings);
  HealthQuestion question;
  for (const std::string& address : options.listen.bind) {
    question.hosts.push_back(Reachable(address));
  }
  question.port = options.listen.port;
  question.password = settings.requirepass.load();
  if (options.in_group) {
    question.membership = options.cluster_enabled ? Membership::kCluster : Membership::kGroup;
  }
  question.group = options.cluster.name;
  return question;
}

absl::Status CheckHealth(const HealthQuestion& question) {
  Conversation node(question);
  if (absl::Status status = node.Open(); !status.ok()) return status;
  if (!question.password.empty()) {
    if (const auto reply = node.Ask({"AUTH", question.password}); !reply.ok()) {
      return reply.status();
    }
  }
  const absl::StatusOr<std::string> reply = node.Ask({"PING"});
  if (!reply.ok()) return reply.status();
  if (*reply != "+PONG") return absl::DataLossError("PING is not answered with PONG");
  switch (question.membership) {
    case Membership::kCluster:
      return CheckCluster(node);
    case Membership::kGroup:
      return CheckGroup(node, question.group);
    default:
      return absl::OkStatus();
  }
}

}  // namespace henge::server
