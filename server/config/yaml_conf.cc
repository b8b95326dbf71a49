// SPDX-License-Identifier: Apache-2.0
// yaml-cpp throws; its exceptions end in ParseYaml.
#include "server/config/yaml_conf.h"

#include <absl/strings/str_cat.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/strings.h"
#include "proto/resp_parser.h"
#include "server/config/parameter.h"

namespace henge::server {
namespace {

constexpr std::string_view kNodeKeys[] = {"id",       "host", "port",  "bus-port",
                                          "priority", "zone", "weight"};

class YamlReader {
 public:
  YamlReader(std::string_view text, std::string source) : text_(text), source_(std::move(source)) {}

  absl::Status Read(const YAML::Node& root) {
    if (root.IsNull()) return absl::OkStatus();  // An empty file.
    if (!root.IsMap()) return Error(root, "", "the file must be a mapping of sections");
    return ReadSection(root, "");
  }

  std::vector<Directive> Take() { return std::move(directives_); }

 private:
  absl::Status ReadSection(const YAML::Node& section, const std::string& path) {
    for (const auto& item : section) {
      if (!item.first.IsScalar()) return Error(item.first, path, "a key must be a word");
      const std::string key = item.first.Scalar();
      const std::string full = path.empty() ? key : absl::StrCat(path, ".", key);
      if (!seen_.insert(full).second) return Error(item.first, full, "given twice");
      if (absl::Status status = ReadKey(item.first, item.second, full); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadKey(const YAML::Node& key, const YAML::Node& value, const std::string& full) {
    const Parameter* parameter = FindParameterByYamlPath(full);
    if (parameter == nullptr && IsYamlSection(full)) {
      if (value.IsNull()) return absl::OkStatus();
      if (!value.IsMap()) return Error(value, full, "must be a mapping");
      return ReadSection(value, full);
    }
    if (parameter == nullptr) parameter = FindParameter(full);  // By its plain name.
    if (parameter == nullptr) {
      return Error(key, full, "there is no such parameter (--config-reference lists all)");
    }
    Directive directive = At(key, std::string(parameter->name));
    absl::Status status = parameter->type == ParameterType::kClusterNodes && value.IsSequence()
                              ? ReadNodes(value, full, directive.words)
                              : ReadWords(*parameter, value, full, directive.words);
    if (!status.ok()) return status;
    directives_.push_back(std::move(directive));
    return absl::OkStatus();
  }

  absl::Status ReadWords(const Parameter& parameter, const YAML::Node& value,
                         const std::string& path, std::vector<std::string>& words) {
    if (value.IsSequence()) {
      for (const YAML::Node& item : value) {
        if (absl::Status status = ReadWords(parameter, item, path, words); !status.ok()) {
          return status;
        }
      }
      if (value.size() == 0 && words.empty()) words.emplace_back();
      return absl::OkStatus();
    }
    if (!value.IsScalar()) {
      return Error(value, path, absl::StrCat("expected ", Expectation(parameter)));
    }
    const std::string& text = value.Scalar();
    bool flag = false;
    if (parameter.type == ParameterType::kBool && YAML::convert<bool>::decode(value, flag)) {
      words.emplace_back(flag ? "yes" : "no");
    } else if (!parameter.Has(kMultiArg) || text.empty()) {
      words.push_back(text);
    } else if (!proto::SplitQuoted(text, words)) {
      return Error(value, path, "unbalanced quotes");
    }
    return absl::OkStatus();
  }

  // A mapping becomes "id=host:port@bus-port,priority=1,…".
  absl::Status ReadNodes(const YAML::Node& list, const std::string& path,
                         std::vector<std::string>& words) {
    for (const YAML::Node& item : list) {
      if (item.IsScalar()) {
        words.push_back(item.Scalar());
        continue;
      }
      if (!item.IsMap()) return Error(item, path, "a node is a mapping with id, host and port");
      for (const auto& field : item) {
        const std::string key = field.first.Scalar();
        if (std::find(std::begin(kNodeKeys), std::end(kNodeKeys), key) == std::end(kNodeKeys) ||
            !field.second.IsScalar()) {
          return Error(field.first, absl::StrCat(path, ".", key),
                       "a node has id, host, port, bus-port, priority, zone and weight");
        }
      }
      const auto text = [&](const char* key) {
        return item[key] ? item[key].Scalar() : std::string();
      };
      std::string word = absl::StrCat(text("id"), "=", text("host"), ":", text("port"));
      if (item["bus-port"]) absl::StrAppend(&word, "@", text("bus-port"));
      for (const char* key : {"priority", "zone", "weight"}) {
        if (item[key]) absl::StrAppend(&word, ",", key, "=", text(key));
      }
      words.push_back(std::move(word));
    }
    return absl::OkStatus();
  }

  Directive At(const YAML::Node& node, std::string name) const {
    const int line = node.Mark().line;
    return {.source = source_, .line = line + 1, .text = LineText(line), .name = std::move(name)};
  }

  absl::Status Error(const YAML::Node& node, const std::string& path,
                     std::string_view reason) const {
    return DirectiveError(At(node, path), reason);
  }

  std::string LineText(int line) const {
    std::string_view rest = text_;
    for (; line > 0; --line) {
      const size_t end = rest.find('\n');
      if (end == rest.npos) return {};
      rest.remove_prefix(end + 1);
    }
    rest = rest.substr(0, rest.find('\n'));
    const size_t first = rest.find_first_not_of(' ');
    return first == rest.npos ? std::string() : std::string(rest.substr(first));
  }

  std::string_view text_;
  std::string source_;
  StringSet seen_;  // Paths.
  std::vector<Directive> directives_;
};

}  // namespace

absl::StatusOr<std::vector<Directive>> ParseYaml(std::string_view text, const std::string& source) {
  YamlReader reader(text, source);
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (absl::Status status = reader.Read(root); !status.ok()) return status;
  } catch (const YAML::Exception& error) {
    return DirectiveError({.source = source, .line = error.mark.line + 1}, error.msg);
  }
  return reader.Take();
}

bool LooksLikeYaml(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty() || line[0] == '#') continue;
    if (line == "---" || line[0] == '{') return true;
    const size_t colon = line.find(':');
    return colon != line.npos && line.substr(0, colon).find(' ') == line.npos &&
           (colon + 1 == line.size() || line[colon + 1] == ' ');
  }
  return false;
}

}  // namespace henge::server
