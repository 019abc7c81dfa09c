// Giving up, for good, what a file server does not need (landlock(7)).
#pragma once

#include <optional>
#include <span>
#include <string>

#include <spate/result.hpp>

namespace spate::serve {

/// From now on this thread, and those it starts, can open files for reading beneath
/// `readable_folders` (descriptors, O_PATH will do), can make files and write to them right in or
/// beneath `writable_folder`, and nothing else of the file system; from Landlock's ABI 4 on (Linux
/// 6.7), bind no TCP socket and connect none; from ABI 6 on (Linux 6.12), neither signal a process
/// outside nor connect to its abstract Unix sockets. What is open stays open. Other threads that
/// run already are not confined.
///
/// False where the kernel has no Landlock, or has it switched off: nothing has changed then. An
/// error leaves the thread unconfined, but perhaps unable to gain privileges (PR_SET_NO_NEW_PRIVS).
Result<bool> confine(std::span<const int> readable_folders,
                     const std::optional<std::string>& writable_folder);

}  // namespace spate::serve
