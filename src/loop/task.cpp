#include <spate/task.hpp>

namespace spate::detail {

void catch_bad_alloc() noexcept {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return;
    }
}

}  // namespace spate::detail
