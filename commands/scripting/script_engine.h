// SPDX-License-Identifier: Apache-2.0
// ScriptEngine: runs scripts on one worker, on its thread. It compiles for itself what the node's
// ScriptCache holds, when it first runs it.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string_view>

#include "base/strings.h"
#include "commands/scripting/interpreter.h"
#include "commands/scripting/script_cache.h"

namespace henge::commands::scripting {

class ScriptEngine final : public Interpreter {
 public:
  using Interpreter::Interpreter;

  struct Compiled {
    ScriptCache::ScriptRef script;
    int function;  // Its reference in the interpreter's registry.
    // Whether it touches only its keys. Looked into when it runs for the second time.
    enum class Proof : uint8_t { kNew, kProven, kNone } proof = Proof::kNew;
  };
  // Whether it is known that this script touches only its keys. If so, it is what OfSource and
  // OfDigest give next, until Forget.
  bool Foresee(std::string_view source_or_digest, bool is_digest);
  void Forget() { foreseen_ = nullptr; }
  // Gives back the interpreter's memory if the cache was flushed since it last ran a script.
  void DropIfFlushed();
  // The script of this text or digest, compiled. Null where it can't be: the text's error, or that
  // there is no such script, is written to `reply`. Valid until the next call of these.
  const Compiled* OfSource(std::string_view source, proto::ReplyWriter& reply);
  const Compiled* OfDigest(std::string_view sha, proto::ReplyWriter& reply);

  // Runs a compiled script and writes its reply.
  void Run(ScriptRun& run, const Compiled& script, const Arguments& arguments) {
    Execute(run, script.function, arguments, true);
  }

 private:
  void FollowCache();  // Forgets everything if the cache was flushed.
  Compiled* Find(std::string_view sha) const;
  Compiled* Compile(ScriptCache::ScriptRef script, proto::ReplyWriter& reply);

  uint64_t epoch_ = 0;
  StringMap<std::unique_ptr<Compiled>> by_digest_;
  absl::flat_hash_map<std::string_view, Compiled*, StringHash, StringEq> by_source_;
  const Compiled* foreseen_ = nullptr;
};

}  // namespace henge::commands::scripting
