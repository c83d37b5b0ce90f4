#include "daemon/base/text_table.h"

#include <algorithm>
#include <cstddef>

namespace flatvm::base {
namespace {

using Row = std::vector<std::string>;

Row EscapeCells(const Row& cells) {
  Row escaped;
  escaped.reserve(cells.size());
  for (const std::string& cell : cells) escaped.push_back(EscapeForTerminal(cell));
  return escaped;
}

std::string RenderRow(const Row& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    line.append(cells[i]);
    if (i + 1 < cells.size()) line.append(widths[i] - cells[i].size() + 2, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  line.push_back('\n');
  return line;
}

}  // namespace

std::string EscapeForTerminal(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    if (c >= 0x20 && c < 0x7f) {
      out.push_back(raw);
    } else {
      out.append("\\x");
      out.push_back(kHex[c >> 4U]);
      out.push_back(kHex[c & 0xFU]);
    }
  }
  return out;
}

std::string RenderTable(const Row& header, const std::vector<Row>& rows) {
  std::vector<Row> table = {EscapeCells(header)};
  for (const Row& row : rows) table.push_back(EscapeCells(row));
  std::vector<size_t> widths;
  for (const Row& row : table) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : table) text.append(RenderRow(row, widths));
  return text;
}

}  // namespace flatvm::base
