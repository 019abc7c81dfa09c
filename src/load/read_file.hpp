// A whole file at once.
#pragma once

#include <expected>
#include <string>

namespace spate::load {

/// All of the file. The error names it. Not by a stream's iterators: those throw where the kernel
/// gives an error instead of bytes, as for a folder, or a process that has just ended in /proc.
[[nodiscard]] std::expected<std::string, std::string> read_file(const std::string& path);

}  // namespace spate::load
