// Text for a terminal: tables with left-aligned columns, two spaces between, no trailing space.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flatvm::base {

// `text` with everything but printable ASCII written as \xNN, so that it cannot move the cursor or
// colour the screen. A backslash stays one (unlike EscapeForLog): unit names have them.
std::string EscapeForTerminal(std::string_view text);

// Renders `header` and `rows`; every line ends with '\n'. A row may be shorter than the header, and
// cells beyond it get columns of their own. Cells pass EscapeForTerminal. Numbers align left like
// text.
std::string RenderTable(const std::vector<std::string>& header,
                        const std::vector<std::vector<std::string>>& rows);

}  // namespace flatvm::base
