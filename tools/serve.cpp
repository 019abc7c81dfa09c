// spate serve: puts a folder on the network.
#include "commands.hpp"
#include "serve/server.hpp"
#include "serve_arguments.hpp"

int spate_serve(int argc, char** argv) {
    const auto options = parse_serve_arguments(argc, argv);
    return options ? spate::serve::run_server(*options) : options.error();
}
