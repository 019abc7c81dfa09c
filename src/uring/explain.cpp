#include <cerrno>
#include <fstream>
#include <string>

#include <spate/loop.hpp>

namespace spate {
namespace {

int sysctl_disabled() {
    int value = 0;
    std::ifstream("/proc/sys/kernel/io_uring_disabled") >> value;
    return value;
}

}  // namespace

std::string explain_ring_error(const Error& error) {
    switch (error.code) {
        case ENOSYS:
            return "this kernel has no io_uring, or a container hides it: Linux 6.1 or newer is "
                   "needed; in Docker run with --security-opt seccomp=unconfined";
        case EPERM:
        case EACCES:
            if (sysctl_disabled() != 0)
                return "io_uring is switched off here: run `sysctl kernel.io_uring_disabled=0` "
                       "as root";
            return "io_uring is refused here, as containers' default seccomp profile does: in "
                   "Docker run with --security-opt seccomp=unconfined, or with a profile that "
                   "allows io_uring_setup, io_uring_enter and io_uring_register";
        case EINVAL:
            return "this kernel's io_uring is too old: Linux 6.1 or newer is needed";
        case ENOMEM:
            return "no memory for an io_uring: raise `ulimit -l`, or free some memory";
        case EMFILE:
        case ENFILE:
            return "no descriptors left for an io_uring: raise `ulimit -n`";
        default:
            return error.message();
    }
}

}  // namespace spate
