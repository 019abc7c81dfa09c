#include "net/pacing.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string_view>

namespace spate {

bool is_paced(int fd) {
    char name[16]{};  // TCP_CA_NAME_MAX
    socklen_t length = sizeof name - 1;
    return ::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) == 0 &&
           std::string_view(name).starts_with("bbr");
}

void unpace_loopback(int fd, const Address& peer) {
    if (!peer.is_loopback() || !is_paced(fd)) return;
    // CUBIC takes privileges where the administrator has not allowed it to all; Reno never does.
    for (const std::string_view name : {"cubic", "reno"})
        if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                         static_cast<socklen_t>(name.size())) == 0)
            return;
}

}  // namespace spate
