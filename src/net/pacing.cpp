#include "net/pacing.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string_view>

namespace spate {
namespace {

bool set_congestion_control(int fd, std::string_view name) {
    return ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                        static_cast<socklen_t>(name.size())) == 0;
}

}  // namespace

std::string pacing_of(int fd) {
    char name[17]{};  // TCP_CA_NAME_MAX and a NUL
    socklen_t length = sizeof name - 1;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) < 0) return {};
    return std::string_view(name).starts_with("bbr") ? name : std::string();
}

void stop_pacing(int fd) {
    // CUBIC takes privileges where the administrator has not allowed it to all; Reno never does.
    if (!pacing_of(fd).empty() && !set_congestion_control(fd, "cubic"))
        set_congestion_control(fd, "reno");
}

void pace_remote(int fd, const std::string& name) {
    const auto peer = Address::of_peer(fd);
    if (!peer || !peer->is_loopback()) set_congestion_control(fd, name);
}

}  // namespace spate
