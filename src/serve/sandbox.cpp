#include "serve/sandbox.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include <spate/fd.hpp>

namespace spate::serve {
namespace {

constexpr std::uint64_t may_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t may_append = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG;

// glibc has no wrappers for these.
long create_ruleset(const landlock_ruleset_attr* attributes, std::size_t size, unsigned flags) {
    return ::syscall(SYS_landlock_create_ruleset, attributes, size, flags);
}
long add_rule(int ruleset, const landlock_path_beneath_attr& rule) {
    return ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}
long restrict_self(int ruleset) {
    return ::syscall(SYS_landlock_restrict_self, ruleset, 0);
}

/// Everything that a kernel of this ABI can forbid, and we know of: naming more is an error there.
landlock_ruleset_attr all_that_is_forbidden(long abi) {
    landlock_ruleset_attr all{};
    all.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (abi >= 2) all.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3) all.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (abi >= 4)
        all.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
    if (abi >= 5) all.handled_access_fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    if (abi >= 6) all.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
    return all;
}

/// Older kernels take a shorter structure, as long as what they do not know is zero.
Result<Fd> open_ruleset(long abi) {
    const landlock_ruleset_attr forbidden = all_that_is_forbidden(abi);
    const long ruleset = create_ruleset(&forbidden, sizeof forbidden, 0);
    if (ruleset < 0) return fail(errno, "landlock_create_ruleset");
    return Fd(static_cast<int>(ruleset));
}

Result<void> allow(const Fd& ruleset, int folder, std::uint64_t access) {
    landlock_path_beneath_attr rule{};
    rule.allowed_access = access;
    rule.parent_fd = folder;
    if (add_rule(ruleset.get(), rule) < 0) return fail(errno, "landlock_add_rule");
    return {};
}

}  // namespace

Result<bool> confine(std::span<const int> readable_folders,
                     const std::optional<std::string>& writable_folder) {
    const long abi = create_ruleset(nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return false;  // ENOSYS: not built in; EOPNOTSUPP: switched off at boot.
    auto ruleset = open_ruleset(abi);
    if (!ruleset) return std::unexpected(ruleset.error());
    for (const int folder : readable_folders)
        if (auto allowed = allow(*ruleset, folder, may_read); !allowed)
            return std::unexpected(allowed.error());
    if (writable_folder) {
        const Fd folder(::open(writable_folder->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!folder) return fail(errno, "open");
        if (auto allowed = allow(*ruleset, folder.get(), may_append); !allowed)
            return std::unexpected(allowed.error());
    }
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return fail(errno, "no_new_privs");
    if (restrict_self(ruleset->get()) < 0) return fail(errno, "landlock_restrict_self");
    return true;
}

}  // namespace spate::serve
