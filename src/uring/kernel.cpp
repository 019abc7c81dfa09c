#include "uring/kernel.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace spate {
namespace {

int negative_errno(long result) {
    return result < 0 ? -errno : static_cast<int>(result);
}

int setup(unsigned entries, io_uring_params* params) {
    return negative_errno(::syscall(__NR_io_uring_setup, entries, params));
}

int enter(unsigned fd, unsigned submit, unsigned wait, unsigned flags, void* argument,
          std::size_t size) {
    return negative_errno(::syscall(__NR_io_uring_enter, fd, submit, wait, flags, argument, size));
}

int register_(unsigned fd, unsigned opcode, void* argument, unsigned count) {
    return negative_errno(::syscall(__NR_io_uring_register, fd, opcode, argument, count));
}

}  // namespace

const Kernel linux_kernel{setup, enter, register_};

}  // namespace spate
