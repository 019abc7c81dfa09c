#include "talk/lines.hpp"

#include <utility>

namespace spate::talk {

std::optional<std::string> Lines::next() {
    const std::size_t at = waiting_.find(end_, searched_);
    if (at == std::string::npos) {
        searched_ = waiting_.size();
        return {};
    }
    std::string line = waiting_.substr(0, at);
    waiting_.erase(0, at + 1);
    searched_ = 0;
    return line;
}

std::optional<std::string> Lines::rest() {
    searched_ = 0;
    if (waiting_.empty()) return {};
    return std::exchange(waiting_, {});
}

}  // namespace spate::talk
