// The command line of `spate get`.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "fetch/download.hpp"
#include "fetch/folder.hpp"
#include "fetch/options.hpp"

struct GetArguments {
    spate::fetch::Options options;
    std::vector<spate::fetch::Job> jobs;
    std::vector<spate::fetch::Folder> folders;  ///< With -r, in place of jobs.
    unsigned parallel = 5;
    bool quiet = false;
};

/// Reads the command line. What can't be run gives the exit code: 0 after --help, 2 after a line
/// about what is wrong.
std::expected<GetArguments, int> parse_get_arguments(int argc, char** argv);
