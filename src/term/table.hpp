// Plain text tables for summaries: columns lined up by what they show, numbers to the right.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace spate::term {

enum class Align { left, right };

/// Rows of text that come out in columns two spaces apart:
///
///     Table table({{"path"}, {"size", Align::right}});
///     table.add_row({"debian.iso", "654.0 MiB"});
///     fmt::print("{}", table.render());
class Table {
  public:
    struct Column {
        std::string title;  ///< A table whose titles are all empty has no header line.
        Align align = Align::left;
    };

    explicit Table(std::vector<Column> columns);

    /// Cells are shown as they are: make names from outside printable() first. Missing cells are
    /// empty; there must not be more than there are columns.
    void add_row(std::vector<std::string> cells);

    /// Every line ends in '\n', none in spaces, and each begins with `indent` spaces.
    [[nodiscard]] std::string render(std::size_t indent = 0) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace spate::term
