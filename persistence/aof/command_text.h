// SPDX-License-Identifier: Apache-2.0
// CommandText: commands as an append-only file has them, written word by word into a buffer.
//
//   text.Begin(3);  text.Word("SET");  text.Word(key);  text.Word(value);
//
// Whoever begins a command says how many words it has. One thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/types.h"
#include "store/encoding/listpack.h"
#include "store/stream/stream_id.h"

namespace henge::persistence {

class CommandText {
 public:
  void Begin(uint64_t words) { Header('*', words); }
  void Word(std::string_view word);
  void Word(const store::ListpackElement& element);
  void Word(const store::StreamId& id) { Word(store::StreamIdText(id).view()); }
  void Integer(int64_t value);
  void Number(double value);
  // A whole command.
  void Command(std::initializer_list<std::string_view> words);
  // As it stands: an annotation.
  void Raw(std::string_view bytes) { bytes_.append(bytes); }

  std::string_view bytes() const { return bytes_; }
  void Clear() { bytes_.clear(); }

 private:
  void Header(char prefix, uint64_t number);

  std::string bytes_;
};

}  // namespace henge::persistence
