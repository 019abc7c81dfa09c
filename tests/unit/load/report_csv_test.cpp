#include "load/report_csv.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sample_report.hpp"

namespace spate::load {
namespace {

constexpr std::string_view header =
    "start_ns,length_ns,planned,sent,ok,errors,bytes_in,bytes_out,p50_ns,p99_ns,max_ns,"
    "client_cpu_ns,server_cpu_ns,steal\r\n";

TEST(ReportCsvTest, WithoutIntervalsThereIsAHeader) {
    EXPECT_EQ(to_csv(Report{}), header);
}

TEST(ReportCsvTest, WhatIsNotKnownIsEmpty) {
    Report report;
    report.intervals = {
        {.start_ns = 0, .length_ns = 5, .planned = 4, .sent = 3, .ok = 2, .errors = 1, .max = 9},
        {.start_ns = 5,
         .length_ns = 5,
         .p50 = 7,
         .p99 = 8,
         .max = 9,
         .client_cpu_ns = 3,
         .server_cpu_ns = 4,
         .steal = 0.25,
         .bytes_in = 1,
         .bytes_out = 2}};
    EXPECT_EQ(to_csv(report), std::string(header) +
                                  "0,5,4,3,2,1,0,0,,,9,0,,0\r\n"
                                  "5,5,0,0,0,0,1,2,7,8,9,3,4,0.25\r\n");
}

TEST(ReportCsvTest, EveryRowHasEveryColumn) {
    std::string text = to_csv(sample_report());
    std::size_t rows = 0;
    for (std::size_t end = 0; (end = text.find("\r\n")) != std::string::npos; ++rows) {
        EXPECT_EQ(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), ','),
                  13);
        text.erase(0, end + 2);
    }
    EXPECT_EQ(rows, 11U);
}

}  // namespace
}  // namespace spate::load
