#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <spate/fatal.hpp>
#include <spate/op.hpp>

namespace spate::detail {
namespace {

// dladdr(3) knows the names of exported functions alone; of others it tells where they are.
void print_place(const void* code) {
    Dl_info found{};
    if (::dladdr(code, &found) == 0) {
        std::fprintf(stderr, ", at %p", code);
        return;
    }
    if (found.dli_sname != nullptr) {
        const std::unique_ptr<char, decltype(&std::free)> readable(
            abi::__cxa_demangle(found.dli_sname, nullptr, nullptr, nullptr), &std::free);
        std::fprintf(stderr, ": %s", readable ? readable.get() : found.dli_sname);
    }
    const auto offset =
        reinterpret_cast<std::uintptr_t>(code) - reinterpret_cast<std::uintptr_t>(found.dli_fbase);
    std::fprintf(stderr, ", addr2line -Cfe %s 0x%zx", found.dli_fname,
                 static_cast<std::size_t>(offset));
}

}  // namespace

void die(const char* what, const void* code) noexcept {
    std::fprintf(stderr, "spate: %s", what);
    if (code != nullptr) print_place(code);
    std::fputc('\n', stderr);
    std::abort();
}

void die_of_running_task(const void* frame) noexcept {
    // A frame begins with the address of the function that resumes it, with g++ and clang++.
    die("a task was destroyed while it waits; stop it and join it first",
        *static_cast<void* const*>(frame));
}

}  // namespace spate::detail

namespace spate {

void Op::die_while_pending() const noexcept {
    detail::die("an operation was destroyed, or submitted again, while the kernel has it",
                reinterpret_cast<const void*>(handler_));
}

}  // namespace spate
