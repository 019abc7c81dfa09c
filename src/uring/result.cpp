#include <cstring>

#include <spate/result.hpp>

namespace spate {

std::string Error::message() const {
    char buffer[128];
    return std::string(what) + ": " + strerror_r(code, buffer, sizeof buffer);
}

}  // namespace spate
