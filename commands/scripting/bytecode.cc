// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/bytecode.h"

#include <cstring>
#include <string_view>

#include "base/numbers.h"

namespace henge::commands::scripting {
namespace {

constexpr size_t kHeaderSize = 12;
constexpr int kDeepest = 32;

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  // False where the bytes don't fit the format.
  bool ReadHeader() {
    constexpr char kExpected[kHeaderSize] = {
        '\x1b', 'L', 'u', 'a', 0x51, 0, 1, sizeof(int), sizeof(size_t), 4, sizeof(lua_Number), 0};
    const std::string_view header = Take(kHeaderSize);
    return ok_ && header == std::string_view(kExpected, kHeaderSize);
  }

  bool ReadFunction(FunctionCode& function, int depth) {
    if (depth > kDeepest) return false;
    Text();                 // Where it comes from.
    Take(2 * sizeof(int));  // Its lines.
    function.upvalues = Value<uint8_t>();
    function.parameters = Value<uint8_t>();
    Value<uint8_t>();  // Whether it takes any number of arguments.
    function.registers = Value<uint8_t>();
    const size_t size = Count(sizeof(Instruction));
    function.code.resize(size);
    const std::string_view code = Take(size * sizeof(Instruction));
    if (!ok_) return false;
    std::memcpy(function.code.data(), code.data(), code.size());
    for (size_t left = Count(1); left > 0 && ok_; --left) {
      function.constants.push_back(ReadConstant());
    }
    for (size_t left = Count(1); left > 0 && ok_; --left) {
      if (!ReadFunction(function.functions.emplace_back(), depth + 1)) return false;
    }
    SkipNames();
    return ok_;
  }

 private:
  std::string_view Take(size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  template <class T>
  T Value() {
    T value{};
    const std::string_view bytes = Take(sizeof(T));
    if (ok_) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  // Of things that take so many bytes at least.
  size_t Count(size_t each) {
    const int count = Value<int>();
    if (count < 0 || static_cast<size_t>(count) > rest_.size() / each) ok_ = false;
    return ok_ ? static_cast<size_t>(count) : 0;
  }
  std::string_view Text() {
    const auto size = Value<size_t>();
    const std::string_view text = Take(size);
    return text.substr(0, text.empty() ? 0 : text.size() - 1);
  }

  Constant ReadConstant() {
    switch (Value<uint8_t>()) {
      case LUA_TBOOLEAN:
        Value<uint8_t>();
        return {};
      case LUA_TNUMBER: {
        char text[kDoubleChars];
        const size_t size = FormatDouble(Value<lua_Number>(), text);
        return {Constant::Kind::kNumber, std::string(text, size)};
      }
      case LUA_TSTRING:
        return {Constant::Kind::kText, std::string(Text())};
      default:
        return {};
    }
  }

  void SkipNames() {
    Take(Count(sizeof(int)) * sizeof(int));
    for (size_t left = Count(1); left > 0 && ok_; --left) {
      Text();
      Take(2 * sizeof(int));
    }
    for (size_t left = Count(1); left > 0 && ok_; --left) Text();
  }

  std::string_view rest_;
  bool ok_ = true;
};

struct Sink {
  std::string bytes;
  size_t most;
};

int Append(lua_State*, const void* bytes, size_t size, void* to) {
  Sink& sink = *static_cast<Sink*>(to);
  if (size > sink.most - sink.bytes.size()) return 1;
  sink.bytes.append(static_cast<const char*>(bytes), size);
  return 0;
}

}  // namespace

std::optional<FunctionCode> ReadBytecode(lua_State* lua, size_t max_bytes) {
  Sink sink{{}, max_bytes};
  if (lua_dump(lua, Append, &sink) != 0) return std::nullopt;
  Reader reader(sink.bytes);
  FunctionCode function;
  if (!reader.ReadHeader() || !reader.ReadFunction(function, 0)) return std::nullopt;
  return function;
}

}  // namespace henge::commands::scripting
