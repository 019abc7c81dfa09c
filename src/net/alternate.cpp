#include "net/alternate.hpp"

#include <algorithm>

namespace spate {

std::vector<Address> alternate_families(const std::vector<Address>& addresses) {
    std::vector<Address> of_first_family;
    std::vector<Address> others;
    for (const Address& each : addresses) {
        const bool as_first = each.family() == addresses.front().family();
        (as_first ? of_first_family : others).push_back(each);
    }
    std::vector<Address> mixed;
    for (std::size_t i = 0; i < std::max(of_first_family.size(), others.size()); ++i) {
        if (i < of_first_family.size()) mixed.push_back(of_first_family[i]);
        if (i < others.size()) mixed.push_back(others[i]);
    }
    return mixed;
}

}  // namespace spate
