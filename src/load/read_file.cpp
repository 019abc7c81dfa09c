#include "load/read_file.hpp"

#include <array>
#include <fstream>

#include "term/escape.hpp"

namespace spate::load {

std::expected<std::string, std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text;
    std::array<char, 4096> piece;
    while (file.read(piece.data(), piece.size()) || file.gcount() > 0)
        text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    // The end is where reading stops, unless it went wrong or never began.
    if (!file.eof()) return std::unexpected(term::printable(path) + ": cannot be read");
    return text;
}

}  // namespace spate::load
