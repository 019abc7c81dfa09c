#include <utility>

#include <spate/look_up.hpp>

namespace spate {

Task<Result<std::vector<Address>>> look_up(Loop& loop, Offload& offload, std::string host,
                                           std::uint16_t port, Duration patience) {
    auto resolving = [host = std::move(host), port] { return resolve(host, port); };
    co_return co_await offload.run(loop, name_lane, std::move(resolving), patience);
}

}  // namespace spate
