#include "serve/plan.hpp"

namespace spate::serve {

FilePlan plan_file(const http::Request& request, const http::Validators& current,
                   std::uint64_t size, std::int64_t now_s) {
    switch (http::evaluate(request, current, now_s)) {
        case http::Precondition::not_modified:
            return {304, {}};
        case http::Precondition::failed:
            return {412, {}};
        case http::Precondition::proceed:
            break;
    }
    if (!request.range || !http::range_applies(request, current, now_s)) return {200, {}};
    const http::Ranges ranges = http::parse_ranges(*request.range, size);
    switch (ranges.answer) {
        case http::RangeAnswer::whole:
            return {200, {}};
        case http::RangeAnswer::unsatisfiable:
            return {416, {}};
        case http::RangeAnswer::partial:
            return {206, ranges.slices};
    }
    return {200, {}};
}

}  // namespace spate::serve
