// One URL to one file, from the first question to the rename.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <spate/condition.hpp>
#include <spate/task.hpp>
#include <spate/task_group.hpp>
#include <spate/time.hpp>

#include "fetch/exchange.hpp"
#include "fetch/outcome.hpp"
#include "fetch/output.hpp"
#include "fetch/plan.hpp"
#include "fetch/retry.hpp"
#include "fetch/segments.hpp"
#include "fetch/session.hpp"
#include "http/digest.hpp"

namespace spate::fetch {

/// What is wanted.
struct Job {
    http::Url url;
    Destination destination;
    std::string sha256;  ///< In lower-case hex; empty for no check.
    /// What a listing says of the file: one here that agrees is not fetched again.
    std::optional<std::uint64_t> listed_size;
    std::optional<std::int64_t> listed_modified_s;
};

/// How it ended.
struct Outcome {
    Failure failure;            ///< Exit::ok when all is well.
    std::string path;           ///< Where the bytes are.
    std::uint64_t fetched = 0;  ///< Bytes that came over the network.
    std::uint64_t size = 0;     ///< Of the file.
    Duration elapsed{0};
    std::optional<std::string> skipped;  ///< Why nothing was to be done, in words behind its path.
};

/// Workers, one for each connection, take segments of the file and fetch them; the first finds
/// out what file it is, and calls the others when there is enough to share. Whatever they find
/// that ends the round for all is the verdict.
class Download {
  public:
    Download(Session& session, Job job);
    Download(const Download&) = delete;
    Download& operator=(const Download&) = delete;

    /// Asked to stop, or when --max-time is over, it ends and keeps what came.
    [[nodiscard]] Task<Outcome> run();

    struct Progress {
        std::string_view name;
        std::uint64_t done = 0;  ///< Bytes of the file that are here.
        std::optional<std::uint64_t> total;
        TimePoint began;
        std::string_view note;  ///< "retrying in 3 s", or empty.
    };
    [[nodiscard]] Progress progress() const;

  private:
    enum class Verdict : std::uint8_t { none, complete, start_over, failed };
    using Attempt = std::expected<void, Trouble>;

    // download.cpp: the whole.
    [[nodiscard]] Task<std::expected<void, Failure>> fetch();
    [[nodiscard]] bool is_here_already() const;
    void look_for_part();
    [[nodiscard]] bool can_go_on_from(const State& notes) const;
    [[nodiscard]] Task<std::expected<void, Failure>> fetch_all();
    [[nodiscard]] Task<void> run_round();
    [[nodiscard]] std::expected<void, Failure> forget();
    void conclude(Verdict verdict, Failure failure = {});
    [[nodiscard]] Task<std::expected<void, Failure>> hash_the_rest();
    [[nodiscard]] Task<void> keep();
    [[nodiscard]] Task<std::expected<void, Failure>> finish();
    [[nodiscard]] std::expected<void, Failure> verify();
    [[nodiscard]] Failure with_what_is_kept(Failure failure) const;
    [[nodiscard]] std::string url_text() const;

    // download_work.cpp: the workers.
    [[nodiscard]] Task<void> work(unsigned number);
    [[nodiscard]] Task<bool> recover(const Trouble& trouble, Backoff& backoff);
    [[nodiscard]] Task<Attempt> attempt(Segments::Id& segment);
    [[nodiscard]] Question question_for(Segments::Id segment) const;
    [[nodiscard]] Task<Attempt> act_on(Answer& answer, Segments::Id& segment);
    [[nodiscard]] std::expected<void, Failure> begin(const Write& write,
                                                     const http::Response& response,
                                                     Segments::Id& segment);
    void call_others(const Write& write);
    [[nodiscard]] Task<Attempt> pump(Connection& connection, Segments::Id segment);
    [[nodiscard]] Attempt end_of_body(Segments::Id segment, std::uint64_t received);
    [[nodiscard]] Task<std::size_t> allowance(std::size_t wanted);
    [[nodiscard]] Task<std::expected<void, Failure>> commit(Segments::Id segment,
                                                            std::span<const std::byte> bytes);
    void take_notes();
    [[nodiscard]] Task<void> write_notes();
    [[nodiscard]] Task<void> notes_written();
    [[nodiscard]] Task<void> wait_for_notes();
    [[nodiscard]] Task<void> make_safe();
    [[nodiscard]] Task<void> upkeep_ended();

    Session& session_;
    Job job_;
    Output output_;
    TimePoint began_;
    bool here_already_ = false;

    // What is known of the file, and how much of it is here.
    http::Url url_;  // after redirects
    Identity identity_;
    Segments segments_;
    Intervals safe_;
    http::PrefixDigest digest_;
    std::string proposed_name_;
    bool adopting_ = false;  // a finished-looking file, to go on with (-c)

    // The round.
    Verdict verdict_ = Verdict::none;
    Failure failure_;
    bool others_called_ = false;
    unsigned round_ = 0;
    std::optional<TaskGroup> workers_;

    std::string note_;
    std::uint64_t fetched_ = 0;
    std::uint64_t in_hand_ = 0;     // received, not written yet
    std::uint64_t high_water_ = 0;  // most bytes there ever were: what counts as progress
    TimePoint noted_at_;
    TimePoint safe_at_;
    bool writing_notes_ = false;
    bool making_safe_ = false;
    Condition notes_ended_;
    TaskGroup upkeep_;  // notes and what makes them safe, beside the workers
};

}  // namespace spate::fetch
