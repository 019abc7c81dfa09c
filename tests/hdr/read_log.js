// Reads an .hlog from standard input with HdrHistogram's decoder and prints, as JSON, what it found.
"use strict";
const fs = require("fs");
const hdr = require("hdr-histogram-js");

const percents = ["10", "50", "90", "99", "99.9", "100"];
// In plain JavaScript: 64-bit counts, no WebAssembly.
const reader = new hdr.HistogramLogReader(fs.readFileSync(0, "utf8"), 64, false);
const intervals = [];
for (let one; (one = reader.nextIntervalHistogram()) !== null;) {
  intervals.push({
    tag: one.tag,
    start_ms: one.startTimeStampMsec,
    end_ms: one.endTimeStampMsec,
    count: one.totalCount,
    max: one.maxValue,
    mean: one.mean,
    stdev: one.stdDeviation,
    percentiles: Object.fromEntries(percents.map((p) => [p, one.getValueAtPercentile(Number(p))])),
    distribution: one.outputPercentileDistribution(5, 1e6),
    again: hdr.encodeIntoCompressedBase64(one),
  });
}
console.log(JSON.stringify({ start_s: reader.startTimeSec, base_s: reader.baseTimeSec, intervals }));
