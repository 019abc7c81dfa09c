// Where a run's report goes while it is made and afterwards.
#pragma once

#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "load/live_line.hpp"
#include "load/report.hpp"
#include "load/run.hpp"
#include "load_arguments.hpp"
#include "term/screen.hpp"

/// The live line on standard error, the files that grow by the second, and those written at the
/// end. Every file is opened before the run: one that cannot be is found out at once.
class LoadOutput {
  public:
    /// The error names the file.
    static std::expected<LoadOutput, std::string> open(const LoadArguments& arguments);

    /// For the run; holds `this`.
    [[nodiscard]] spate::load::Watcher watcher();
    /// The same for a try of a search: of its log, only the best try's is written in the end.
    [[nodiscard]] spate::load::Watcher watcher_of_try();
    void end_try(const spate::load::Report& report, bool best);
    /// Takes the live line away.
    void end_live();
    /// Everything that is written of a whole report. The error names the file.
    [[nodiscard]] std::expected<void, std::string> write(const spate::load::Report& report);

  private:
    struct Close {
        void operator()(std::FILE* file) const {
            if (file != stdout) std::fclose(file);
        }
    };
    struct File {
        std::string name;
        std::unique_ptr<std::FILE, Close> stream;
    };
    LoadOutput() = default;
    static std::expected<File, std::string> open_file(const std::string& name);
    void begin(const spate::load::Plan& plan, std::int64_t started_ns);
    void interval(const spate::load::IntervalInfo& row, const spate::load::Tally& tally);
    void show(const spate::load::IntervalInfo& row);
    void draw(const std::string& line);
    void log(std::string_view text);

    File json_, json_stream_, hgrm_, hlog_, html_, csv_;
    bool quiet_ = false;
    bool terminal_ = false;
    bool bits_ = false;
    // While a search goes on: the logs of the try under way, and of the best until now.
    std::optional<std::string> try_log_;
    std::string best_log_;
    std::int64_t began_ns_ = 0;  // since 1970, of the measured part
    spate::load::LiveState live_;
    spate::term::LiveLines lines_;
};
