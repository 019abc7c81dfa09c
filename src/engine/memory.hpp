// Memory that a burst has left behind.
#pragma once

namespace spate {

/// Gives what this thread's heap holds and nobody uses back to the kernel. Takes milliseconds after
/// a burst of thousands of connections: for when they have gone.
void give_back_memory();

}  // namespace spate
