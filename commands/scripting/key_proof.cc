// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/key_proof.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/command_table.h"
#include "commands/scripting/bytecode.h"

namespace henge::commands::scripting {
namespace {

constexpr size_t kMostBytes = 64 * 1024;
constexpr size_t kMostCells = 256 * 1024;  // Registers times instructions.

// What is known of a value.
enum class Kind : uint8_t {
  kUnset,
  // Data, and functions that do no harm to data.
  kPlain,
  kKey,       // An element of KEYS.
  kConstant,  // Known text.
  kUnpack,
  kPairs,  // Or ipairs.
  kPcall,
  kKeysWalk,  // What pairs(KEYS) returns first.
  // What must not get lost from sight.
  kKeys,
  kRedis,
  kCall,
  kMixed,  // Perhaps one of these.
};

struct Value {
  Kind kind = Kind::kUnset;
  int constant = 0;
  bool operator==(const Value&) const = default;
};

bool IsData(const Value& value) { return value.kind < Kind::kKeys; }

Value Join(const Value& x, const Value& y) {
  if (x == y || y.kind == Kind::kUnset) return x;
  if (x.kind == Kind::kUnset) return y;
  return {IsData(x) && IsData(y) ? Kind::kPlain : Kind::kMixed};
}

// Before an instruction.
struct State {
  bool reached = false;
  std::vector<Value> registers;
  int open = -1;  // From here on values up to an unknown end,
  Value tail;     // of this kind.
};

// Globals that are of no use for reaching a key, a function or a table of another kind.
constexpr std::string_view kHarmless[] = {"ARGV",   "tonumber", "tostring", "type",   "next",
                                          "select", "assert",   "error",    "string", "table",
                                          "math",   "cjson",    "cmsgpack", "struct", "bit",
                                          "os",     "rawequal", "rawlen"};

std::optional<Value> Global(std::string_view name, bool takes_keys) {
  if (name == "redis" || name == "server") return Value{Kind::kRedis};
  if (name == "KEYS" && !takes_keys) return Value{Kind::kKeys};
  if (name == "unpack") return Value{Kind::kUnpack};
  if (name == "pairs" || name == "ipairs") return Value{Kind::kPairs};
  if (name == "pcall") return Value{Kind::kPcall};
  if (std::find(std::begin(kHarmless), std::end(kHarmless), name) == std::end(kHarmless)) {
    return std::nullopt;
  }
  return Value{Kind::kPlain};
}

// A command's arguments, with its name, as far as they are known.
struct CallShape {
  std::vector<Value> arguments;
  std::optional<Value> tail;  // Any number of these at the end.
};

bool AreKeys(const CallShape& call, const KeySpec& spec, std::span<const std::string_view> argv) {
  if (spec.begin != KeySpec::Begin::kIndex || (spec.flags & kIncomplete) != 0) return false;
  const auto is_key = [](const Value& value) { return value.kind == Kind::kKey; };
  const auto first = static_cast<size_t>(spec.position);
  if (spec.find == KeySpec::Find::kUnknown) return false;
  if (call.tail && (spec.find != KeySpec::Find::kRange || spec.last < 0)) {
    // All from the first on.
    return spec.find == KeySpec::Find::kRange && spec.last == -1 && spec.step == 1 &&
           spec.limit <= 1 && first < call.arguments.size() + 1 && is_key(*call.tail) &&
           std::all_of(call.arguments.begin() + static_cast<std::ptrdiff_t>(first),
                       call.arguments.end(), is_key);
  }
  if (call.tail && first + static_cast<size_t>(spec.last) >= call.arguments.size()) return false;
  if (spec.find == KeySpec::Find::kCounted) {
    const size_t count = first + static_cast<size_t>(spec.count_index);
    if (count >= call.arguments.size()) return true;  // No call of it would run.
    if (call.arguments[count].kind != Kind::kConstant) return false;
  }
  CommandSpec alone;
  alone.keys[0] = spec;
  std::vector<KeyPosition> positions;
  if (!FindKeys(alone, argv, positions)) return true;  // Nor here.
  return std::all_of(positions.begin(), positions.end(), [&](const KeyPosition& position) {
    return is_key(call.arguments[static_cast<size_t>(position.index)]);
  });
}

// Whether the command locks nothing but elements of KEYS.
bool IsProven(const CallShape& call, const std::vector<Constant>& constants) {
  std::vector<std::string_view> argv;
  for (const Value& value : call.arguments) {
    argv.push_back(value.kind != Kind::kConstant
                       ? std::string_view("?")
                       : constants[static_cast<size_t>(value.constant)].text);
  }
  if (argv.empty() || call.arguments[0].kind != Kind::kConstant) return false;
  const auto [info, unknown_subcommand] = CommandTable::Get().Resolve(argv);
  if (info == nullptr || unknown_subcommand) return false;
  if (info->container != nullptr && call.arguments[1].kind != Kind::kConstant) return false;
  const CommandSpec& spec = *info->spec;
  if (!spec.subcommands.empty() || (spec.flags & (kLocksAll | kWalks | kRunsScript)) != 0) {
    return false;
  }
  // Where the arguments' values only change how the keys are used.
  const bool stable = spec.refine_keys == nullptr || (spec.keys[0].flags & kVariableFlags) != 0;
  if (!stable) return false;
  return std::all_of(std::begin(spec.keys), std::end(spec.keys), [&](const KeySpec& key) {
    return key.begin == KeySpec::Begin::kNone || AreKeys(call, key, argv);
  });
}

// One function, without those that are made within.
class Walk {
 public:
  Walk(const FunctionCode& code, bool main, bool takes_keys)
      : code_(code), main_(main), takes_keys_(takes_keys) {}

  bool IsProven() {
    const size_t cells = code_.code.size() * static_cast<size_t>(code_.registers + 1);
    if (code_.code.empty() || cells > kMostCells) return false;
    states_.resize(code_.code.size());
    NoteCaptured();
    State start{true, std::vector<Value>(static_cast<size_t>(code_.registers)), -1, {}};
    for (int i = 0; i < code_.parameters; ++i) {
      start.registers[static_cast<size_t>(i)] = {main_ && takes_keys_ && i == 0 ? Kind::kKeys
                                                                                : Kind::kPlain};
    }
    if (captured_[0] && code_.parameters > 0 && !IsData(start.registers[0])) return false;
    Reach(0, start);
    while (ok_ && !todo_.empty()) {
      const int at = todo_.back();
      todo_.pop_back();
      Step(at);
    }
    return ok_;
  }

 private:
  void Fail() { ok_ = false; }

  // Registers that functions within see as theirs, at some time.
  void NoteCaptured() {
    captured_.assign(256, false);
    for (size_t i = 0; i < code_.code.size(); ++i) {
      if (code_.code[i].op() != Op::kClosure) continue;
      const auto within = static_cast<size_t>(code_.code[i].bx());
      if (within >= code_.functions.size()) return Fail();
      for (int left = code_.functions[within].upvalues; left > 0; --left) {
        if (++i >= code_.code.size()) return Fail();
        const Instruction in = code_.code[i];
        if (in.op() == Op::kMove) captured_[static_cast<size_t>(in.b() & 255)] = true;
        // What a library's functions share is anything.
        if (in.op() != Op::kMove && main_) return Fail();
      }
    }
  }

  void Reach(int at, const State& state) {
    if (at < 0 || static_cast<size_t>(at) >= states_.size()) return Fail();
    State& known = states_[static_cast<size_t>(at)];
    if (!known.reached) {
      known = state;
      return todo_.push_back(at);
    }
    bool changed = false;
    for (size_t i = 0; i < known.registers.size(); ++i) {
      const Value joined = Join(known.registers[i], state.registers[i]);
      changed = changed || joined != known.registers[i];
      known.registers[i] = joined;
    }
    if (known.open != state.open) return Fail();  // Its use follows at once.
    const Value tail = Join(known.tail, state.tail);
    changed = changed || tail != known.tail;
    known.tail = tail;
    if (changed) todo_.push_back(at);
  }

  Value Get(const State& state, int index) {
    if (index >= Instruction::kConstants) {
      const int constant = index - Instruction::kConstants;
      return ConstantAt(constant);
    }
    if (static_cast<size_t>(index) >= state.registers.size()) {
      Fail();
      return {Kind::kMixed};
    }
    const Value value = state.registers[static_cast<size_t>(index)];
    return value.kind == Kind::kUnset ? Value{Kind::kPlain} : value;
  }

  Value ConstantAt(int index) {
    if (static_cast<size_t>(index) >= code_.constants.size()) {
      Fail();
      return {Kind::kMixed};
    }
    const bool known = code_.constants[static_cast<size_t>(index)].kind != Constant::Kind::kOther;
    return known ? Value{Kind::kConstant, index} : Value{Kind::kPlain};
  }

  void Set(State& state, int index, Value value) {
    if (static_cast<size_t>(index) >= state.registers.size()) return Fail();
    if (!IsData(value) && captured_[static_cast<size_t>(index)]) return Fail();
    state.registers[static_cast<size_t>(index)] = value;
  }

  void NeedData(const State& state, int index) {
    if (!IsData(Get(state, index))) Fail();
  }

  std::string_view TextOf(const Value& value) const {
    if (value.kind != Kind::kConstant) return {};
    const Constant& constant = code_.constants[static_cast<size_t>(value.constant)];
    return constant.kind == Constant::Kind::kText ? constant.text : std::string_view();
  }

  Value Member(const State& state, Instruction in) {
    const Value table = Get(state, in.b());
    const Value key = Get(state, in.c());
    if (!IsData(key)) Fail();
    if (table.kind == Kind::kKeys) return {Kind::kKey};
    if (table.kind == Kind::kRedis) {
      const std::string_view name = TextOf(key);
      if (name.empty()) Fail();
      return {name == "call" || name == "pcall" ? Kind::kCall : Kind::kPlain};
    }
    if (!IsData(table)) Fail();
    return {Kind::kPlain};
  }

  // The arguments of the call in `a`, which has `b` as calls do.
  CallShape Shape(const State& state, int a, int b) {
    CallShape shape;
    const int end = b == 0 ? state.open : a + b;
    if (end <= a) {
      Fail();
      return shape;
    }
    for (int i = a + 1; i < end; ++i) shape.arguments.push_back(Get(state, i));
    if (b == 0) shape.tail = state.tail;
    return shape;
  }

  static bool AllData(const CallShape& shape) {
    return std::all_of(shape.arguments.begin(), shape.arguments.end(), IsData) &&
           (!shape.tail || IsData(*shape.tail));
  }

  void Call(State& state, Instruction in, int c) {
    const Value callee = Get(state, in.a());
    CallShape shape = Shape(state, in.a(), in.b());
    if (!ok_) return;
    Value result{Kind::kPlain};
    const bool first_is_keys = !shape.arguments.empty() && shape.arguments[0].kind == Kind::kKeys;
    Value walk = result;
    bool command = callee.kind == Kind::kCall;
    if (callee.kind == Kind::kPcall && !shape.arguments.empty() &&
        shape.arguments[0].kind == Kind::kCall) {
      command = true;
      shape.arguments.erase(shape.arguments.begin());
    } else if (callee.kind == Kind::kUnpack && first_is_keys) {
      shape.arguments[0] = {Kind::kPlain};
      result = {Kind::kKey};
    } else if (callee.kind == Kind::kPairs && first_is_keys) {
      shape.arguments[0] = {Kind::kPlain};
      walk = {Kind::kKeysWalk};
    }
    if (command && !scripting::IsProven(shape, code_.constants)) return Fail();
    if ((!command && !IsData(callee)) || !AllData(shape)) return Fail();
    for (size_t i = static_cast<size_t>(in.a()); i < state.registers.size(); ++i) {
      state.registers[i] = {};
    }
    state.open = -1;
    state.tail = {};
    if (c == 0) {
      if (walk.kind == Kind::kKeysWalk) return Fail();
      state.open = in.a();
      state.tail = result;
    }
    for (int i = 0; i < c - 1; ++i) {
      Value value = result;
      if (walk.kind == Kind::kKeysWalk && i == 0) value = walk;
      if (walk.kind == Kind::kKeysWalk && i == 1) value = {Kind::kKeys};
      Set(state, in.a() + i, value);
    }
  }

  // for … in: its variables.
  void WalkOn(State& state, Instruction in) {
    const bool keys =
        Get(state, in.a()).kind == Kind::kKeysWalk && Get(state, in.a() + 1).kind == Kind::kKeys;
    NeedData(state, in.a());
    if (!keys) NeedData(state, in.a() + 1);
    NeedData(state, in.a() + 2);
    Set(state, in.a() + 2, {Kind::kPlain});
    for (int i = 0; i < in.c(); ++i) {
      Set(state, in.a() + 3 + i, {keys && i == 1 ? Kind::kKey : Kind::kPlain});
    }
  }

  void Return(const State& state, Instruction in) {
    if (main_) return;
    const CallShape shape = Shape(state, in.a() - 1, in.b() == 0 ? 0 : in.b());
    if (!AllData(shape)) Fail();
  }

  void SetList(State& state, Instruction in) {
    NeedData(state, in.a());
    const int end = in.b() == 0 ? state.open : in.a() + in.b() + 1;
    for (int i = in.a() + 1; i < end; ++i) NeedData(state, i);
    if (in.b() == 0 && !IsData(state.tail)) Fail();
    state.open = -1;
    state.tail = {};
  }

  // What goes on with the next instruction.
  void Assign(State& state, Instruction in) {
    constexpr Value kPlain{Kind::kPlain};
    switch (in.op()) {
      case Op::kMove:
        return Set(state, in.a(), Get(state, in.b()));
      case Op::kLoadK:
        return Set(state, in.a(), ConstantAt(in.bx()));
      case Op::kLoadNil:
        for (int i = in.a(); i <= in.b(); ++i) Set(state, i, kPlain);
        return;
      case Op::kGetGlobal:
        if (const auto value = Global(TextOf(ConstantAt(in.bx())), takes_keys_)) {
          return Set(state, in.a(), *value);
        }
        return Fail();
      case Op::kGetTable:
        return Set(state, in.a(), Member(state, in));
      case Op::kGetUpvalue:
        // Of functions within, data: see Set.
        return main_ ? Fail() : Set(state, in.a(), kPlain);
      case Op::kSetTable:
        NeedData(state, in.a());
        NeedData(state, in.b());
        return NeedData(state, in.c());
      case Op::kSelf:
        NeedData(state, in.b());
        Set(state, in.a() + 1, Get(state, in.b()));
        return Set(state, in.a(), kPlain);
      case Op::kCall:
        return Call(state, in, in.c());
      case Op::kTailCall:
        return Call(state, in, 0);
      case Op::kVararg:
        if (in.b() == 0) {
          state.open = in.a();
          state.tail = kPlain;
        }
        for (int i = 0; i < in.b() - 1; ++i) Set(state, in.a() + i, kPlain);
        return;
      case Op::kClose:
        return;
      default:
        if (in.op() == Op::kNewTable || (in.op() >= Op::kAdd && in.op() <= Op::kConcat)) {
          return Set(state, in.a(), kPlain);
        }
        Fail();  // An assignment to what is shared, or an unknown instruction.
    }
  }

  void Step(int at) {
    State state = states_[static_cast<size_t>(at)];
    const Instruction in = code_.code[static_cast<size_t>(at)];
    int next = at + 1;
    switch (in.op()) {
      case Op::kLoadBool:
        Set(state, in.a(), {Kind::kPlain});
        if (in.c() != 0) ++next;
        break;
      case Op::kJump:
        next += in.jump();
        break;
      case Op::kEq:
      case Op::kLt:
      case Op::kLe:
      case Op::kTest:
        Reach(at + 2, state);
        break;
      case Op::kTestSet:
        Reach(at + 2, state);
        Set(state, in.a(), Get(state, in.b()));
        break;
      case Op::kReturn:
        return Return(state, in);
      case Op::kForLoop:
        Set(state, in.a(), {Kind::kPlain});
        Reach(at + 1, state);
        Set(state, in.a() + 3, {Kind::kPlain});
        next += in.jump();
        break;
      case Op::kForPrep:
        Set(state, in.a(), {Kind::kPlain});
        next += in.jump();
        break;
      case Op::kTForLoop:
        WalkOn(state, in);
        Reach(at + 2, state);
        break;
      case Op::kSetList:
        SetList(state, in);
        if (in.c() == 0) ++next;
        break;
      case Op::kClosure:
        Set(state, in.a(), {Kind::kPlain});
        next += code_.functions[static_cast<size_t>(in.bx())].upvalues;
        break;
      default:
        Assign(state, in);
    }
    if (ok_) Reach(next, state);
  }

  const FunctionCode& code_;
  const bool main_;
  const bool takes_keys_;
  bool ok_ = true;
  std::vector<bool> captured_;
  std::vector<State> states_;
  std::vector<int> todo_;
};

bool AllProven(const FunctionCode& code, bool main, bool takes_keys) {
  return Walk(code, main, takes_keys).IsProven() &&
         std::all_of(code.functions.begin(), code.functions.end(),
                     [&](const FunctionCode& one) { return AllProven(one, false, takes_keys); });
}

}  // namespace

bool TouchesOnlyItsKeys(lua_State* lua, bool takes_keys) {
  const auto code = ReadBytecode(lua, kMostBytes);
  return code && AllProven(*code, true, takes_keys);
}

}  // namespace henge::commands::scripting
