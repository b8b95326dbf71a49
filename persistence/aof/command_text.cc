// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/command_text.h"

#include "base/numbers.h"

namespace henge::persistence {

void CommandText::Header(char prefix, uint64_t number) {
  char digits[kInt64Chars];
  bytes_.push_back(prefix);
  bytes_.append(digits, FormatUint64(number, digits));
  bytes_.append("\r\n");
}

void CommandText::Word(std::string_view word) {
  Header('$', word.size());
  bytes_.append(word);
  bytes_.append("\r\n");
}

void CommandText::Word(const store::ListpackElement& element) {
  store::ListpackElement::Digits digits;
  Word(element.Text(digits));
}

void CommandText::Integer(int64_t value) {
  char digits[kInt64Chars];
  Word(std::string_view(digits, FormatInt64(value, digits)));
}

void CommandText::Number(double value) {
  char digits[kDoubleChars];
  Word(std::string_view(digits, FormatDouble(value, digits)));
}

void CommandText::Command(std::initializer_list<std::string_view> words) {
  Begin(words.size());
  for (const std::string_view word : words) Word(word);
}

}  // namespace henge::persistence
