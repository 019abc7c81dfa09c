#include "serve/systemd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace spate::serve {
namespace {

constexpr int first_passed = 3;  // SD_LISTEN_FDS_START

/// The value of a variable, which is gone then.
std::optional<std::string> take_variable(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) return std::nullopt;
    std::string taken(value);
    ::unsetenv(name);
    return taken;
}

std::optional<int> parse_number(std::string_view text) {
    int number = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    return number;
}

Result<int> socket_option(int fd, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0)
        return fail(errno, "passed socket");
    return value;
}

Result<void> require_stream_listener(int fd) {
    auto type = socket_option(fd, SO_TYPE);
    if (!type) return std::unexpected(type.error());
    auto listening = socket_option(fd, SO_ACCEPTCONN);
    if (!listening) return std::unexpected(listening.error());
    if (*type != SOCK_STREAM || *listening == 0) return fail(ESOCKTNOSUPPORT, "passed socket");
    return {};
}

/// The text before the first colon, taken off the front of `names`.
std::string take_name(std::string_view& names) {
    const std::size_t colon = std::min(names.find(':'), names.size());
    const std::string name(names.substr(0, colon));
    names.remove_prefix(std::min(colon + 1, names.size()));
    return name.empty() ? "unknown" : name;
}

}  // namespace

Result<std::vector<PassedSocket>> take_passed_sockets() {
    const auto pid = take_variable("LISTEN_PID");
    const auto count = take_variable("LISTEN_FDS");
    const auto names = take_variable("LISTEN_FDNAMES");
    std::vector<PassedSocket> passed;
    if (!pid || !count) return passed;
    const auto wanted_pid = parse_number(*pid);
    const auto wanted_count = parse_number(*count);
    if (!wanted_pid || !wanted_count || *wanted_count < 0) return fail(EINVAL, "LISTEN_FDS");
    if (*wanted_pid != ::getpid()) return passed;  // Meant for a parent of ours.
    std::string_view rest = names ? std::string_view(*names) : std::string_view();
    for (int fd = first_passed; fd - first_passed < *wanted_count; ++fd) {
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return fail(errno, "passed socket");
        passed.push_back(PassedSocket{Fd(fd), take_name(rest)});
        if (auto usable = require_stream_listener(fd); !usable)
            return std::unexpected(usable.error());
    }
    return passed;
}

Result<Notifier> Notifier::from_environment() {
    Notifier notifier;
    const auto path = take_variable("NOTIFY_SOCKET");
    if (!path) return notifier;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const bool abstract = path->starts_with('@');
    // "vsock:" leads to the host of a virtual machine, which starts no service of its guest's.
    if (!abstract && !path->starts_with('/')) return fail(EAFNOSUPPORT, "NOTIFY_SOCKET");
    if (path->size() >= sizeof address.sun_path) return fail(ENAMETOOLONG, "NOTIFY_SOCKET");
    std::memcpy(address.sun_path, path->data(), path->size());
    if (abstract) address.sun_path[0] = '\0';
    const std::size_t size = offsetof(sockaddr_un, sun_path) + path->size() + (abstract ? 0U : 1U);
    notifier.socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!notifier.socket_) return fail(errno, "NOTIFY_SOCKET");
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(notifier.socket_.get(), generic, static_cast<socklen_t>(size)) < 0)
        return fail(errno, "NOTIFY_SOCKET");
    return notifier;
}

void Notifier::send(std::string_view state) const {
    if (!connected()) return;
    // A service manager that is restarting or overloaded is no reason to stop serving.
    static_cast<void>(
        ::send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace spate::serve
