// SPDX-License-Identifier: Apache-2.0
#include "server/config/config.h"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <filesystem>

#include "base/glob.h"
#include "base/strings.h"
#include "server/config/redis_conf.h"
#include "server/config/rewrite.h"
#include "server/config/structured.h"
#include "server/config/yaml_conf.h"

namespace henge::server {
namespace {

bool HasYamlName(const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension().string();
  return extension == ".yaml" || extension == ".yml";
}

// What redis.conf may say that Henge doesn't do, and what to do instead.
std::string_view Unsupported(std::string_view name) {
  if (name == "loadmodule") return "Henge loads no modules";
  if (name == "rename-command") return "commands can't be renamed";
  return "Bad directive or wrong number of arguments";
}

constexpr std::string_view kImmutableRefusal = "can't set immutable config";

// The words of a CONFIG SET value.
std::vector<std::string> WordsOf(const Parameter& parameter, const std::string& value) {
  if (!parameter.Has(kMultiArg) || value.empty()) return {value};
  std::vector<std::string> words;
  for (size_t at = 0; at <= value.size();) {
    const size_t space = std::min(value.find(' ', at), value.size());
    words.push_back(value.substr(at, space - at));
    at = space + 1;
  }
  return words;
}

std::string SetFailed(std::string_view name, std::string_view reason) {
  return absl::StrCat("ERR CONFIG SET failed (possibly related to argument '", Absl(name), "') - ",
                      Absl(reason));
}

}  // namespace

Config::Config() {
  for (const Parameter& parameter : AllParameters()) {
    StoreValue(parameter, DefaultValue(parameter), settings_);
  }
  std::error_code error;
  settings_.dir.Store(std::filesystem::current_path(error).string());
}

absl::Status Config::LoadFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) {
    return absl::NotFoundError(
        absl::StrCat("\n*** FATAL CONFIG FILE ERROR ***\n", text.status().message()));
  }
  const auto directives = HasYamlName(path) ? ParseYaml(*text, path) : ParseRedisConf(*text, path);
  if (!directives.ok()) return directives.status();
  std::error_code error;
  file_ = std::filesystem::absolute(path, error).string();
  return Load(*directives);
}

absl::Status Config::LoadText(std::string_view text, const std::string& source) {
  const auto directives =
      LooksLikeYaml(text) ? ParseYaml(text, source) : ParseRedisConf(text, source);
  if (!directives.ok()) return directives.status();
  return Load(*directives);
}

absl::Status Config::Load(std::span<const Directive> directives) {
  bool saw_save = false;  // Several `save` lines add up.
  for (const Directive& directive : directives) {
    const Parameter* parameter = FindParameter(directive.name);
    if (parameter == nullptr) {
      return DirectiveError(directive, Unsupported(directive.name),
                            "one of the parameters that --config-reference lists");
    }
    std::vector<std::string> words = directive.words;
    if (parameter->type == ParameterType::kSavePoints && saw_save && words.size() != 1) {
      const std::vector<std::string> earlier = SplitWords(settings_.save.load());
      words.insert(words.begin(), earlier.begin(), earlier.end());
    }
    saw_save |= parameter->type == ParameterType::kSavePoints;
    const auto value = ParseValue(*parameter, words, LoadValue(*parameter, settings_));
    if (!value.ok()) {
      return DirectiveError(directive, Std(value.status().message()), Expectation(*parameter));
    }
    StoreValue(*parameter, *value, settings_);
  }
  return absl::OkStatus();
}

std::vector<Config::NameValue> Config::Get(std::span<const std::string> patterns) {
  const std::lock_guard lock(mu_);
  std::vector<NameValue> found;
  // The name to show, empty for none: who asks for one parameter gets the name as it was written.
  const auto wanted = [&](const Parameter& parameter, std::string_view name) -> std::string_view {
    for (const std::string& pattern : patterns) {
      const bool is_glob = pattern.find_first_of("[*?") != std::string::npos;
      if (!is_glob && EqualsIgnoreCase(pattern, name)) return pattern;
      const bool shown = is_glob && !parameter.Has(kHidden);
      if (shown && GlobMatch(pattern, name, /*ignore_case=*/true)) return name;
    }
    return {};
  };
  for (const Parameter& parameter : AllParameters()) {
    for (const std::string_view name :
         {parameter.name, parameter.aliases[0], parameter.aliases[1]}) {
      const std::string_view shown = name.empty() ? name : wanted(parameter, name);
      if (shown.empty()) continue;
      found.emplace_back(shown, FormatValue(parameter, LoadValue(parameter, settings_)));
    }
  }
  return found;
}

std::string_view Config::Forbidden(const Parameter& parameter, std::span<const Change> earlier,
                                   bool may_change_protected) const {
  if (parameter.Has(kImmutable) && !parameter.Has(kOwn)) return kImmutableRefusal;
  if (parameter.Has(kProtected) && !may_change_protected) return "can't set protected config";
  const bool twice = std::any_of(earlier.begin(), earlier.end(), [&](const Change& change) {
    return change.parameter == &parameter;
  });
  return twice ? "duplicate parameter" : "";
}

std::string Config::Set(std::span<const NameValue> values, bool may_change_protected) {
  const std::lock_guard lock(mu_);
  std::vector<Change> changes;
  for (const auto& [name, text] : values) {
    const Parameter* parameter = FindParameter(name);
    if (parameter == nullptr) {
      return absl::StrCat("ERR Unknown option or number of arguments for CONFIG SET - '", name,
                          "'");
    }
    const std::string_view forbidden = Forbidden(*parameter, changes, may_change_protected);
    if (!forbidden.empty()) return SetFailed(name, forbidden);
    changes.push_back(
        {parameter, absl::AsciiStrToLower(name), LoadValue(*parameter, settings_), {}});
  }
  for (size_t i = 0; i < changes.size(); ++i) {
    Change& change = changes[i];
    auto value =
        ParseValue(*change.parameter, WordsOf(*change.parameter, values[i].second), change.before);
    if (!value.ok()) return SetFailed(change.name, Std(value.status().message()));
    change.after = *std::move(value);
    if (change.parameter->Has(kImmutable) && change.after != change.before) {
      return SetFailed(change.name, kImmutableRefusal);
    }
  }
  return ApplyAll(changes);
}

std::string Config::ApplyAll(std::span<const Change> changes) {
  for (const Change& change : changes) StoreValue(*change.parameter, change.after, settings_);
  for (size_t i = 0; i < changes.size(); ++i) {
    const Change& change = changes[i];
    if (change.before == change.after && !change.parameter->Has(kVolatile)) continue;
    const absl::Status status = apply_ ? apply_(*change.parameter) : absl::OkStatus();
    if (status.ok()) continue;
    RollBack(changes, i);
    return SetFailed(change.name, Std(status.message()));
  }
  return "";
}

void Config::RollBack(std::span<const Change> changes, size_t applied) {
  for (const Change& change : changes) StoreValue(*change.parameter, change.before, settings_);
  for (size_t i = 0; i <= applied; ++i) {
    if (changes[i].before != changes[i].after) apply_(*changes[i].parameter).IgnoreError();
  }
}

std::string Config::Rewrite() {
  const std::lock_guard lock(mu_);
  if (file_.empty()) return "ERR The server is running without a config file";
  const auto rewrite = HasYamlName(file_) ? RewriteYaml : RewriteRedisConf;
  const absl::StatusOr<std::string> old_text = ReadFile(file_);
  const absl::StatusOr<std::string> text = rewrite(old_text.ok() ? *old_text : "", settings_);
  const absl::Status status = text.ok() ? ReplaceFile(file_, *text) : text.status();
  if (status.ok()) return "";
  return absl::StrCat("ERR Rewriting config file: ", status.message());
}

void Config::NoteLeader(std::string_view leader) {
  settings_.replicaof.Store(leader);
  if (settings_.replication_role.load() == ReplicationRole::kAuto) return;
  const ReplicationRole role =
      leader.empty() ? ReplicationRole::kLeader : ReplicationRole::kFollower;
  settings_.replication_role.Store(static_cast<int64_t>(role));
}

std::string ConfigReference() {
  std::string text =
      "# Parameters\n\nPrinted by `henge-server --config-reference`. Each is given by its Redis "
      "name "
      "in redis.conf, as a\nflag (`--name value`) and to CONFIG GET and SET; in a YAML file by its "
      "path, or by its name at the\ntop level.\n\n*start*: set at the start only. *accepted*: "
      "taken "
      "for compatibility, and has nothing to steer in Henge.\n*not yet*: taken, but what it steers "
      "is still to come.\n\n| name | YAML path | default | | meaning |\n|---|---|---|---|---|\n";
  for (const Parameter& parameter : AllParameters()) {
    if (parameter.Has(kHidden)) continue;
    std::string notes = parameter.Has(kImmutable) ? "start" : "";
    if (parameter.Has(kCompatOnly)) absl::StrAppend(&notes, notes.empty() ? "" : ", ", "accepted");
    if (parameter.Has(kNotYet)) absl::StrAppend(&notes, notes.empty() ? "" : ", ", "not yet");
    const bool by_machine = parameter.name == "io-threads" || parameter.name == "dir";
    const std::string value = by_machine ? "" : DefaultText(parameter);
    absl::StrAppend(&text, "| `", Absl(parameter.name), "` | `", Absl(parameter.yaml), "` | ",
                    value.empty() ? "" : absl::StrCat("`", value, "`"), " | ", notes, " | ",
                    Absl(parameter.summary), " |\n");
  }
  return text;
}

}  // namespace henge::server
