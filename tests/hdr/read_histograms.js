// Reads {name: base64 of a histogram} from standard input, prints what HdrHistogram's decoder makes
// of each.
"use strict";
const fs = require("fs");
const hdr = require("hdr-histogram-js");

const percents = { p50: 50, p75: 75, p90: 90, p95: 95, p99: 99, p999: 99.9, p9999: 99.99 };
const read = {};
for (const [name, text] of Object.entries(JSON.parse(fs.readFileSync(0, "utf8")))) {
  // In plain JavaScript: 64-bit counts, no WebAssembly.
  const one = hdr.decodeFromCompressedBase64(text, 64, false);
  read[name] = {
    count: one.totalCount, min: one.minNonZeroValue, max: one.maxValue, mean: one.mean,
    stdev: one.stdDeviation,
  };
  for (const [key, percent] of Object.entries(percents))
    read[name][key] = one.getValueAtPercentile(percent);
}
console.log(JSON.stringify(read));
