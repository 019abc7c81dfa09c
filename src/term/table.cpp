#include "term/table.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "term/utf8.hpp"

namespace spate::term {

namespace {

void append_line(std::string& out, std::size_t indent, const std::vector<std::string>& cells,
                 const std::vector<Align>& aligns, const std::vector<std::size_t>& widths) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i > 0) line += "  ";
        const std::string padding(widths[i] - columns(cells[i]), ' ');
        line += aligns[i] == Align::right ? padding + cells[i] : cells[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line;
    out += '\n';
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(std::vector<std::string> cells) {
    assert(cells.size() <= columns_.size());
    rows_.push_back(std::move(cells));
}

std::string Table::render(std::size_t indent) const {
    std::vector<std::string> titles;
    std::vector<Align> aligns;
    std::vector<std::size_t> widths;
    for (const Column& column : columns_) {
        titles.push_back(column.title);
        aligns.push_back(column.align);
        widths.push_back(columns(column.title));
    }
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], columns(row[i]));
        }
    }
    std::string out;
    const bool titled = !std::ranges::all_of(titles, &std::string::empty);
    if (titled) append_line(out, indent, titles, aligns, widths);
    for (const auto& row : rows_)
        append_line(out, indent, row, aligns, widths);
    return out;
}

}  // namespace spate::term
