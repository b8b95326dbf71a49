// SPDX-License-Identifier: Apache-2.0
#include "server/config/structured.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/numbers.h"
#include "base/strings.h"
#include "persistence/save_points.h"
#include "pubsub/event_classes.h"

namespace henge::server {
namespace {

constexpr size_t kMaxBindAddresses = 16;
constexpr size_t kMaxHostname = 256;
constexpr int64_t kMaxOomScore = 2000;

absl::Status Refused(std::string_view reason) { return absl::InvalidArgumentError(Absl(reason)); }

std::string Join(std::span<const std::string> words) { return absl::StrJoin(words, " "); }

// One empty word stands for "none".
bool IsNone(std::span<const std::string> words) { return words.size() == 1 && words[0].empty(); }

absl::StatusOr<std::string> Addresses(std::span<const std::string> words) {
  if (words.size() > kMaxBindAddresses) return Refused("Too many bind addresses specified.");
  return Join(words);
}

absl::StatusOr<std::string> Directory(std::span<const std::string> words) {
  struct stat info;
  if (words.size() != 1) return Refused("wrong number of arguments");
  if (stat(words[0].c_str(), &info) != 0) return Refused(std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return Refused(std::strerror(ENOTDIR));
  std::error_code error;
  const auto path = std::filesystem::canonical(words[0], error);
  if (error) return Refused(error.message());
  return path.string();
}

absl::StatusOr<std::string> SavePoints(std::span<const std::string> words) {
  const auto points = persistence::ParseSavePoints(words);
  if (!points) return Refused("Invalid save parameters");
  return persistence::ToString(*points);
}

// The classes in the order they are shown, under the names they are shown by.
constexpr std::array<std::string_view, 3> kClasses = {"normal", "slave", "pubsub"};

absl::StatusOr<std::string> OutputLimits(std::span<const std::string> words,
                                         std::string_view current) {
  if (words.size() % 4 != 0) {
    return Refused("Wrong number of arguments in buffer limit configuration.");
  }
  std::vector<std::string> limits = SplitWords(current);
  for (size_t i = 0; i < words.size(); i += 4) {
    const std::string name = ToLower(words[i]) == "replica" ? "slave" : ToLower(words[i]);
    const auto known = std::find(kClasses.begin(), kClasses.end(), name);
    if (known == kClasses.end()) {
      return Refused("Invalid client class specified in buffer limit configuration.");
    }
    const auto hard = ParseMemory(words[i + 1]);
    const auto soft = ParseMemory(words[i + 2]);
    const auto seconds = ParseInt64(words[i + 3]);
    if (!hard || !soft || !seconds || *seconds < 0) {
      return Refused("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    }
    const size_t at = static_cast<size_t>(known - kClasses.begin()) * 4;
    limits[at + 1] = absl::StrCat(*hard);
    limits[at + 2] = absl::StrCat(*soft);
    limits[at + 3] = absl::StrCat(*seconds);
  }
  return Join(limits);
}

absl::StatusOr<std::string> KeyspaceEvents(std::span<const std::string> words) {
  if (words.size() != 1) return Refused("wrong number of arguments");
  const auto classes = pubsub::EventClasses::Parse(words[0]);
  if (!classes) return Refused("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  return classes->Letters();
}

absl::StatusOr<std::string> OomScores(std::span<const std::string> words) {
  if (words.size() != 3) return Refused("wrong number of arguments");
  for (const std::string& word : words) {
    const auto score = ParseInt64(word);
    if (!score || *score < -kMaxOomScore || *score > kMaxOomScore) {
      return Refused("Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
    }
  }
  return Join(words);
}

absl::StatusOr<std::string> Leader(std::span<const std::string> words) {
  if (IsNone(words)) return std::string();
  if (words.size() == 1) {  // As addresses are written in YAML.
    const size_t colon = words[0].rfind(':');
    if (colon == std::string::npos) return Refused("wrong number of arguments");
    const std::string parts[] = {words[0].substr(0, colon), words[0].substr(colon + 1)};
    return Leader(parts);
  }
  if (words.size() != 2) return Refused("wrong number of arguments");
  if (EqualsIgnoreCase(words[0], "no") && EqualsIgnoreCase(words[1], "one")) return std::string();
  const auto port = ParseInt64(words[1]);
  if (!port || *port < 0 || *port > 65535) return Refused("Invalid master port");
  return Join(words);
}

absl::StatusOr<std::string> Percentiles(std::span<const std::string> words) {
  if (IsNone(words)) return std::string();
  std::string text;
  for (const std::string& word : words) {
    const auto number = ParseDouble(word);
    if (!number) return Refused("Invalid latency-tracking-info-percentiles parameters");
    if (*number < 0 || *number > 100) {
      return Refused("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
    }
    absl::StrAppend(&text, text.empty() ? "" : " ", FormatDouble(*number));
  }
  return text;
}

absl::Status BadNode(std::string_view word, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("node '", Absl(word), "': ", Absl(what)));
}

absl::Status ReadNodeOption(std::string_view word, std::string_view option,
                            ClusterNodeConfig& node) {
  const size_t equals = option.find('=');
  const std::string_view name = option.substr(0, equals);
  const std::string_view value = equals == option.npos ? "" : option.substr(equals + 1);
  if (name == "zone") {
    node.zone = value;
    return absl::OkStatus();
  }
  if (name == "priority") {
    const auto number = ParseInt64(value);
    if (!number || *number < INT32_MIN || *number > INT32_MAX) {
      return BadNode(word, "priority must be an integer");
    }
    node.priority = static_cast<int32_t>(*number);
    return absl::OkStatus();
  }
  if (name == "weight") {
    const auto number = ParseDouble(value);
    if (!number || !(*number > 0 && *number <= 1000)) {
      return BadNode(word, "weight must be above 0 and at most 1000");
    }
    node.weight = *number;
    return absl::OkStatus();
  }
  return BadNode(word, absl::StrCat("'", Absl(name), "' is not one of priority, zone, weight"));
}

std::optional<uint16_t> ReadPort(std::string_view text) {
  const auto port = ParseInt64(text);
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

absl::StatusOr<ClusterNodeConfig> ReadClusterNode(std::string_view word) {
  const std::string_view place = word.substr(0, word.find(','));
  const size_t equals = place.find('=');
  const size_t colon = place.rfind(':');
  const size_t at = place.find('@');
  if (equals == place.npos || equals == 0 || colon == place.npos || colon <= equals + 1) {
    return BadNode(word, "must be id=host:port");
  }
  ClusterNodeConfig node{.id = std::string(place.substr(0, equals)),
                         .host = std::string(place.substr(equals + 1, colon - equals - 1))};
  const auto port = ReadPort(place.substr(colon + 1, at == place.npos ? at : at - colon - 1));
  const auto bus_port = at == place.npos ? 0 : ReadPort(place.substr(at + 1));
  if (!port || !bus_port) return BadNode(word, "ports are from 1 to 65535");
  node.port = *port;
  node.bus_port = *bus_port;
  for (size_t comma = word.find(','); comma != word.npos;) {
    const size_t next = word.find(',', comma + 1);
    const absl::Status status = ReadNodeOption(
        word, word.substr(comma + 1, next == word.npos ? next : next - comma - 1), node);
    if (!status.ok()) return status;
    comma = next;
  }
  return node;
}

absl::StatusOr<std::string> ClusterNodes(std::span<const std::string> words) {
  std::string text = IsNone(words) ? "" : Join(words);
  const auto nodes = ReadClusterNodes(text);
  if (!nodes.ok()) return nodes.status();
  for (size_t i = 0; i < nodes->size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if ((*nodes)[i].id == (*nodes)[j].id) return BadNode((*nodes)[i].id, "named twice");
    }
  }
  return text;
}

// As etcd's own tools have them, with a scheme before; "http://" is left out.
absl::StatusOr<std::string> Endpoints(std::span<const std::string> words) {
  std::vector<std::string> endpoints;
  size_t secure = 0;
  for (std::string_view word : words) {
    const std::string_view scheme = word.starts_with("https://") ? "https://" : "";
    secure += scheme.empty() ? 0 : 1;
    word.remove_prefix(word.starts_with("http://") ? 7 : scheme.size());
    const size_t colon = word.rfind(':');
    const auto port = colon == word.npos ? std::nullopt : ParseInt64(word.substr(colon + 1));
    if (colon == 0 || !port || *port < 1 || *port > UINT16_MAX)
      return Refused("an endpoint is a host and a port: host:port");
    endpoints.push_back(std::string(scheme).append(word));
  }
  if (endpoints.empty()) return Refused("an endpoint is a host and a port: host:port");
  if (secure > 0 && secure < endpoints.size())
    return Refused("https:// stands before all endpoints, or before none");
  return Join(endpoints);
}

}  // namespace

absl::StatusOr<std::string> CanonicalText(ParameterType type, std::span<const std::string> words,
                                          std::string_view current) {
  switch (type) {
    case ParameterType::kBind:
      return Addresses(words);
    case ParameterType::kDirectory:
      return Directory(words);
    case ParameterType::kSavePoints:
      return SavePoints(words);
    case ParameterType::kOutputBufferLimit:
      return OutputLimits(words, current);
    case ParameterType::kKeyspaceEvents:
      return KeyspaceEvents(words);
    case ParameterType::kOomScores:
      return OomScores(words);
    case ParameterType::kReplicaOf:
      return Leader(words);
    case ParameterType::kPercentiles:
      return Percentiles(words);
    case ParameterType::kClusterNodes:
      return ClusterNodes(words);
    case ParameterType::kEndpoints:
      return Endpoints(words);
    default:
      return Join(words);
  }
}

std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    if (space != 0) words.emplace_back(text.substr(0, space));
    text.remove_prefix(space == text.npos ? text.size() : space + 1);
  }
  return words;
}

OutputBufferLimits ReadOutputBufferLimits(std::string_view canonical) {
  const std::vector<std::string> words = SplitWords(canonical);
  const auto read = [&](size_t at) {
    return OutputBufferLimits::Class{
        .hard = ParseUint64(words[at + 1]).value_or(0),
        .soft = ParseUint64(words[at + 2]).value_or(0),
        .soft_seconds = ParseInt64(words[at + 3]).value_or(0),
    };
  };
  return {.normal = read(0), .replica = read(4), .pubsub = read(8)};
}

std::vector<double> ReadPercentiles(std::string_view canonical) {
  std::vector<double> percentiles;
  for (const std::string& word : SplitWords(canonical)) {
    percentiles.push_back(ParseDouble(word).value_or(0));
  }
  return percentiles;
}

absl::StatusOr<std::vector<ClusterNodeConfig>> ReadClusterNodes(std::string_view canonical) {
  std::vector<ClusterNodeConfig> nodes;
  for (const std::string& word : SplitWords(canonical)) {
    absl::StatusOr<ClusterNodeConfig> node = ReadClusterNode(word);
    if (!node.ok()) return node.status();
    nodes.push_back(*std::move(node));
  }
  return nodes;
}

absl::Status CheckHostname(std::string_view name) {
  if (name.size() >= kMaxHostname) {
    return absl::InvalidArgumentError(
        absl::StrCat("Hostnames must be less than ", kMaxHostname, " characters"));
  }
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    const char lower = AsciiLower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  if (plain) return absl::OkStatus();
  return Refused("Hostnames may only contain alphanumeric characters, hyphens or dots");
}

absl::Status CheckNodename(std::string_view name) {
  constexpr std::string_view kRefused = "!#$%&()*+:;<>?@[]^{|}~";
  if (name.size() >= kMaxHostname) {
    return absl::InvalidArgumentError(
        absl::StrCat("Node names must be less than ", kMaxHostname, " characters"));
  }
  const bool plain = std::all_of(name.begin(), name.end(), [&](char c) {
    const bool control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    return !control && kRefused.find(c) == std::string_view::npos;
  });
  if (plain) return absl::OkStatus();
  return Refused("Announced human node name contained invalid character");
}

}  // namespace henge::server
