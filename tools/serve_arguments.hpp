// The command line of `spate serve`.
#pragma once

#include <expected>

#include "serve/options.hpp"

/// Reads the command line. What can't be run gives the exit code: 0 after --help, 2 after a line
/// about what is wrong, 66 where that is the folder.
std::expected<spate::serve::ServeOptions, int> parse_serve_arguments(int argc, char** argv);
