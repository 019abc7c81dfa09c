// The style of a report's page, from page/report.css, which scripts/embed.py turns into these
// constants when spate is built.
#pragma once

#include <string_view>

namespace spate::load::page_text {

extern const std::string_view report_css;
extern const std::string_view report_css_sha256;

}  // namespace spate::load::page_text
