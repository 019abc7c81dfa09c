// Prints the page of a report, for a browser to look at (tests/browser/report_test.py).
#include <cstdio>
#include <string>
#include <string_view>

#include "load/report_html.hpp"
#include "sample_report.hpp"

int main(int argc, char** argv) {
    const std::string_view kind = argc > 1 ? argv[1] : "open";
    using namespace spate::load;
    const Report report = kind == "closed" ? sample_closed_report()
                          : kind == "udp"  ? sample_datagram_report()
                          : kind == "tcp"  ? sample_stream_report()
                          : kind == "long" ? sample_report(90)
                                           : sample_report();
    const std::string page = to_html(report);
    return std::fwrite(page.data(), 1, page.size(), stdout) == page.size() ? 0 : 1;
}
