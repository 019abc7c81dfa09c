#include "http/weight.hpp"

#include <gtest/gtest.h>

namespace spate::http {
namespace {

TEST(AcceptTest, OfTwoTypesTheHeavierOrTheMoreCloselyNamedIsPreferred) {
    const struct {
        const char* accept;
        bool json;
        bool html;
    } cases[] = {
        {"", false, false},
        {"*/*", false, false},
        {"application/json", true, false},
        {"Application/JSON", true, false},
        {"application/json;q=0", false, false},
        {"application/json, text/html;q=0.5", true, false},
        {"application/json;q=0.5, text/html", false, true},
        {"application/json, text/html", false, false},
        {"application/json, text/plain, */*", true, false},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false, true},
        {"application/*", true, false},
        {"application/*, */*;q=0.9", true, false},
        {"application/json;q=0, */*", false, true},
        {"application/json;q=nonsense", false, false},
        {"application/jsonp, text/htmlx", false, false},
        {" , ,application/json ; v=1 ; q=0.3 ,*/*;q=0.2", true, false},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.accept);
        EXPECT_EQ(prefers(c.accept, "application/json", "text/html"), c.json);
        EXPECT_EQ(prefers(c.accept, "text/html", "application/json"), c.html);
    }
}

}  // namespace
}  // namespace spate::http
