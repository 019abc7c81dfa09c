// What all cores of a file service share.
#pragma once

#include <memory>
#include <string>

#include <spate/file.hpp>
#include <spate/offload.hpp>

#include "http/media_type.hpp"
#include "serve/listing_cache.hpp"
#include "serve/options.hpp"

namespace spate::serve {

/// None changes what is in it, but for the listings, which lock for themselves.
struct Site {
    Site(const ServeOptions& options, const http::MediaTypes& types, Root root);

    ServeOptions options;
    Root root;
    const http::MediaTypes& types;
    /// `options.headers` and what --cors adds, as whole lines, for 2xx and 304 answers.
    std::string extra_fields;
    ListingCache listings;
    /// Reads folders. Its thread starts with the site: after this process was confined.
    Offload offload;
};

}  // namespace spate::serve
