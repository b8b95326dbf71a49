// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/aof_check.h"

#include <fmt/format.h>

#include <istream>
#include <optional>
#include <ostream>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"
#include "persistence/aof/aof_files.h"
#include "persistence/aof/aof_parser.h"
#include "persistence/aof/manifest.h"

namespace henge::persistence {
namespace {

// What is wanted of the tool.
struct Request {
  std::string path;
  bool fix = false;
  std::optional<int64_t> until;  // Cut what was written after this second.
};

std::optional<Request> ParseRequest(std::span<const std::string> args) {
  Request request;
  if (args.size() == 2 && args[0] == "--fix") {
    request.fix = true;
  } else if (args.size() == 3 && args[0] == "--truncate-to-timestamp") {
    request.until = ParseInt64(args[1]);
    if (!request.until) return std::nullopt;
  } else if (args.size() != 1) {
    return std::nullopt;
  }
  request.path = args.back();
  return request;
}

// What came out for one file.
enum class Verdict : uint8_t { kValid, kEmpty, kCut, kCutAtTime, kBad };

class Checker {
 public:
  Checker(Request request, const AofCheckOptions& options)
      : request_(std::move(request)), options_(options) {}

  int Run() {
    const auto contents = options_.files.Read(request_.path);
    if (!contents.ok()) {
      Say("Cannot open file {}: {}, aborting...", request_.path, Std(contents.status().message()));
      return 1;
    }
    const std::string_view bytes = (*contents)->bytes();
    if (LooksLikeManifest(bytes)) return CheckParts(bytes);
    Say("Start checking Old-Style AOF");
    return Tell("AOF", request_.path, CheckFile(request_.path, request_.path, true)) ? 0 : 1;
  }

 private:
  template <class... Args>
  void Say(fmt::format_string<Args...> format, Args&&... args) {
    options_.out << fmt::format(format, std::forward<Args>(args)...) << '\n';
  }

  int CheckParts(std::string_view text) {
    Say("Start checking Multi Part AOF");
    const absl::StatusOr<AofManifest> manifest = ParseManifest(text);
    if (!manifest.ok()) {
      Say("{}", Std(manifest.status().message()));
      return 1;
    }
    const std::string folder = request_.path.substr(0, request_.path.rfind('/') + 1);
    const std::string last = manifest->Loaded().empty() ? "" : manifest->Loaded().back().name;
    const auto check = [&](std::string_view kind, const std::string& name) {
      return Tell(kind, name, CheckFile(name, folder + name, name == last));
    };
    if (manifest->base) {
      const auto contents = options_.files.Read(folder + manifest->base->name);
      const bool rdb = contents.ok() && HasRdbPreamble((*contents)->bytes());
      Say("Start to check BASE AOF ({} format).", rdb ? "RDB" : "RESP");
      if (!check("BASE AOF", manifest->base->name)) return 1;
    }
    if (!manifest->increments.empty()) Say("Start to check INCR files.");
    for (const AofPart& part : manifest->increments) {
      if (!check("INCR AOF", part.name)) return 1;
    }
    Say("All AOF files and manifest are valid");
    return 0;
  }

  // Says what came out; whether it is good.
  bool Tell(std::string_view kind, std::string_view name, Verdict verdict) {
    switch (verdict) {
      case Verdict::kValid:
        Say("{} {} is valid", kind, name);
        return true;
      case Verdict::kEmpty:
        Say("{} {} is empty", kind, name);
        return true;
      case Verdict::kCut:
        Say("Successfully truncated AOF {}", name);
        return true;
      case Verdict::kCutAtTime:
        Say("Successfully truncated AOF {} to timestamp {}", name, request_.until.value_or(0));
        return true;
      case Verdict::kBad:
        return false;
    }
    return false;
  }

  // Only the last file of a set may be cut.
  Verdict CheckFile(std::string_view name, const std::string& path, bool last) {
    const auto contents = options_.files.Read(path);
    if (!contents.ok()) {
      Say("Cannot open file {}: {}, aborting...", path, Std(contents.status().message()));
      return Verdict::kBad;
    }
    const std::string_view bytes = (*contents)->bytes();
    if (bytes.empty()) return Verdict::kEmpty;
    uint64_t offset = 0;
    if (HasRdbPreamble(bytes)) {
      const absl::StatusOr<uint64_t> length = options_.check_rdb(bytes);
      if (!length.ok()) {
        Say("{}\nRDB preamble of AOF file is not sane, aborting.", Std(length.status().message()));
        return Verdict::kBad;
      }
      offset = *length;
      Say("RDB preamble is OK, proceeding with AOF tail...");
    }
    AofParser parser(bytes, offset);
    AofParser::Result result;
    do {
      result = parser.Next();
      if (result == AofParser::Result::kAnnotation && TooLate(parser)) {
        return CutAtTime(name, path, parser.begin(), last);
      }
    } while (result == AofParser::Result::kUnit || result == AofParser::Result::kAnnotation);
    return Judge(name, path, parser, bytes.size(), last);
  }

  bool TooLate(const AofParser& parser) const {
    return request_.until && parser.timestamp().value_or(0) > *request_.until;
  }

  Verdict CutAtTime(std::string_view name, const std::string& path, uint64_t offset, bool last) {
    if (offset == 0) {
      Say("AOF {} has nothing before timestamp {}, aborting...", name, *request_.until);
      return Verdict::kBad;
    }
    if (!last) {
      Say("Failed to truncate AOF {} to timestamp {} to offset {} because it is not the last file.",
          name, *request_.until, offset);
      Say("If that is what you want, take the files behind it and their lines out of the manifest "
          "first.");
      return Verdict::kBad;
    }
    return Cut(path, offset) ? Verdict::kCutAtTime : Verdict::kBad;
  }

  Verdict Judge(std::string_view name, const std::string& path, const AofParser& parser,
                uint64_t size, bool last) {
    const uint64_t good = parser.good_until();
    if (parser.only_room()) {
      Say("AOF analyzed: filename={}, size={}, room for more behind it={}", name, size,
          size - good);
      return Verdict::kValid;
    }
    if (!parser.reason().empty()) {
      Say("0x{:16x}: {}", parser.error_offset(), parser.reason());
    } else if (request_.until) {
      Say("Truncate nothing in AOF {} to timestamp {}", name, *request_.until);
      return Verdict::kValid;
    }
    Say("AOF analyzed: filename={}, size={}, ok_up_to={}, ok_up_to_line={}, diff={}", name, size,
        good, parser.line(), size - good);
    if (good == size) return Verdict::kValid;
    if (!request_.fix) {
      Say("AOF {} is not valid. Use the --fix option to try fixing it.", name);
      return Verdict::kBad;
    }
    if (!last) {
      Say("Failed to truncate AOF {} because it is not the last file", name);
      return Verdict::kBad;
    }
    Say("This will shrink the AOF {} from {} bytes, with {} bytes, to {} bytes", name, size,
        size - good, good);
    options_.out << "Continue? [y/N]: " << std::flush;
    std::string answer;
    if (!std::getline(options_.answers, answer) || answer.empty() || AsciiLower(answer[0]) != 'y') {
      Say("Aborting...");
      return Verdict::kBad;
    }
    return Cut(path, good) ? Verdict::kCut : Verdict::kBad;
  }

  bool Cut(const std::string& path, uint64_t offset) {
    const absl::StatusOr<std::string> beside = CutTail(options_.files, path, offset);
    if (!beside.ok()) {
      Say("Failed to truncate AOF {}: {}", path, Std(beside.status().message()));
      return false;
    }
    Say("What was cut is kept in {}", *beside);
    return true;
  }

  const Request request_;
  const AofCheckOptions& options_;
};

}  // namespace

int CheckAof(std::span<const std::string> args, const AofCheckOptions& options) {
  std::optional<Request> request = ParseRequest(args);
  if (!request) {
    options.out << "Usage: henge-server --check-aof [--fix|--truncate-to-timestamp SECONDS] "
                   "<file.manifest|file.aof>\n";
    return 1;
  }
  return Checker(*std::move(request), options).Run();
}

}  // namespace henge::persistence
