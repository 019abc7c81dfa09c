// A report as one page: no script, nothing from the network, light and dark, for a phone and paper.
#pragma once

#include <string>

#include "load/report.hpp"

namespace spate::load {

/// The whole file. Text from outside (targets, arguments, samples of errors) is text in it and
/// nothing else.
[[nodiscard]] std::string to_html(const Report& report);

}  // namespace spate::load
