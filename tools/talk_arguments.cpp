#include "talk_arguments.hpp"

#include "term/units.hpp"

using spate::talk::LineEnd;
using spate::talk::TextOptions;

namespace {

void read_encoding(TextOptions& options, const std::string& name) {
    // Both ways are tried here: what is no encoding is a wrong argument, not a late surprise.
    auto decoder = spate::talk::Decoder::open(name);
    if (!decoder) throw CLI::ValidationError("--encoding", decoder.error());
    auto encoder = spate::talk::Encoder::open(name);
    if (!encoder) throw CLI::ValidationError("--encoding", encoder.error());
    options.encoding = name;
}

void read_stamps(TextOptions& options, const std::string& name) {
    auto mode = spate::talk::parse_stamp_mode(name);
    if (!mode) throw CLI::ValidationError("--ts", mode.error());
    options.stamps = *mode;
}

}  // namespace

void add_talk_options(CLI::App& app, TalkArguments& arguments) {
    TextOptions& text = arguments.text;
    app.add_option_function<std::string>(
           "--encoding", [&text](const std::string& name) { read_encoding(text, name); },
           "text on the wire: gbk, latin1, ... (iconv -l)")
        ->type_name("NAME");
    app.add_flag("--hex", text.hex, "show what comes as hex dumps");
    app.add_option_function<std::string>(
           "--ts", [&text](const std::string& name) { read_stamps(text, name); },
           "a time before each line: absolute, relative or delta")
        ->type_name("MODE");
    app.add_flag_callback(
        "--crlf", [&text] { text.line_end = LineEnd::return_feed; },
        "lines on the wire end in CR LF");
    app.add_flag_callback(
        "--null", [&text] { text.line_end = LineEnd::null; },
        "lines on the wire end in a zero byte");
    app.add_option("--dump", text.dump, "record all bytes, both ways, in FILE")->type_name("FILE");
    app.add_flag_callback("-4,--ipv4", [&arguments] { arguments.family = AF_INET; }, "IPv4 alone");
    app.add_flag_callback("-6,--ipv6", [&arguments] { arguments.family = AF_INET6; }, "IPv6 alone");
    app.add_flag("-q,--quiet", arguments.quiet, "say only what fails");
}

void add_source_option(CLI::App& app, TalkArguments& arguments) {
    app.add_option("-s,--source", arguments.source, "send from this address, HOST or HOST:PORT")
        ->type_name("ADDR");
}

void add_time_option(CLI::App& app, const std::string& name, spate::Duration& into,
                     const std::string& help) {
    app.add_option_function<std::string>(
           name,
           [name, &into](const std::string& text) {
               auto time = spate::term::parse_duration(text);
               if (!time) throw CLI::ValidationError(name, time.error());
               into = *time;
           },
           help)
        ->type_name("TIME");
}

std::expected<std::optional<spate::Address>, std::string> read_source(
    const TalkArguments& arguments) {
    const std::string& text = arguments.source;
    if (text.empty()) return std::nullopt;
    if (text.starts_with("unix:")) {
        auto found = spate::talk::find_addresses(text, spate::talk::Use::listen);
        if (!found) return std::unexpected("--source " + found.error());
        return found->front();
    }
    // A host alone sends from any port: one with several colons, or none outside of brackets.
    const std::size_t colon = text.rfind(':');
    const bool bare_v6 = !text.starts_with('[') && colon != text.find(':');
    const bool has_port = !bare_v6 && colon != std::string::npos && !text.ends_with(']');
    const std::string whole = bare_v6 ? "[" + text + "]:0" : has_port ? text : text + ":0";
    auto found = spate::talk::find_addresses(whole, spate::talk::Use::listen, arguments.family);
    if (!found) return std::unexpected("--source " + found.error());
    return found->front();
}
