// From a request to the response: which file or folder it names, and what the answer is.
#pragma once

#include <spate/loop.hpp>
#include <spate/task.hpp>

#include "http/message.hpp"
#include "serve/file_cache.hpp"
#include "serve/listings.hpp"
#include "serve/response.hpp"
#include "serve/sidecars.hpp"
#include "serve/site.hpp"

namespace spate::serve {

/// What a core needs to answer: its loop, the site, and what it remembers.
struct Context {
    Loop& loop;
    Site& site;
    FileCache& cache;
    Sidecars& sidecars;
    Listings& listings;
    DateStamp& date;
};

/// Answers what needs no waiting: files that the cache knows. False: ask respond().
[[nodiscard]] bool respond_cached(const Context& context, const http::Request& request,
                                  Response& response);

/// Fills in `response`, all but the end of its head. The views of `request` must last that long.
Task<void> respond(const Context& context, const http::Request& request, Response& response);

}  // namespace spate::serve
