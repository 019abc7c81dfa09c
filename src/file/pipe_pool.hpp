// Pipes for splicing, kept for the next transfer.
#pragma once

#include <cstddef>

#include <spate/fd.hpp>
#include <spate/result.hpp>

namespace spate {

/// An empty pipe of at most 1 MiB. Few are kept: past about a thousand a user's pipes shrink to
/// a page each (pipe-user-pages-soft, pipe(7)).
struct Pipe {
    Fd read_end;
    Fd write_end;
    std::size_t capacity = 0;  ///< Bytes.
};

/// A pooled pipe of this thread, or a new one.
Result<Pipe> take_pipe();
/// Takes a pipe back. It must be empty; one that is not is left to close.
void give_back_pipe(Pipe pipe);

}  // namespace spate
