#include "serve/site.hpp"

#include <utility>

namespace spate::serve {
namespace {

std::string extra_fields(const ServeOptions& options) {
    std::string fields;
    for (const auto& [name, value] : options.headers)
        fields += name + ": " + value + "\r\n";
    if (options.cors)
        fields +=
            "Access-Control-Allow-Origin: *\r\n"
            "Access-Control-Expose-Headers: "
            "Accept-Ranges, Content-Length, Content-Range, ETag\r\n";
    return fields;
}

}  // namespace

Site::Site(const ServeOptions& given, const http::MediaTypes& media_types, Root opened,
           Offload threads)
    : options(given),
      root(std::move(opened)),
      types(media_types),
      extra_fields(serve::extra_fields(given)),
      offload(std::move(threads)) {}

}  // namespace spate::serve
