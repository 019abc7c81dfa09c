// The three system calls of io_uring as values, so that a test can stand in for the kernel.
#pragma once

#include <liburing.h>

namespace spate {

/// Each returns a non-negative value or -errno. A stand-in's setup() returns a descriptor that
/// can be mapped at the offsets io_uring_setup(2) names (a memfd will do).
struct Kernel {
    int (*setup)(unsigned entries, io_uring_params* params);
    int (*enter)(unsigned fd, unsigned submit, unsigned wait, unsigned flags, void* argument,
                 std::size_t size);
    int (*register_)(unsigned fd, unsigned opcode, void* argument, unsigned count);
};

/// The running kernel.
extern const Kernel linux_kernel;

}  // namespace spate
