// Hold losses and metrics in JavaScript (Node) against the test vectors: docs/vectors.md says what a line holds.
//
//   node vectors.js ../../vectors/losses.jsonl ../../vectors/metrics.jsonl
//
// Put your own function into `functions`. Exit code 1 where a vector fails; the bugs that fail exactly the same vectors are named.
"use strict";
const fs = require("fs");

// (arrays, parameters) => value. What a function does not offer it answers with undefined, which is counted as left out.
const functions = {
  tversky_loss({ pred, target }, { fp_weight, fn_weight, smooth: [above, below], from_logits }) {
    let tp = 0, fp = 0, fn = 0;
    pred.forEach((x, i) => {
      const [p, q] = from_logits ? [1 / (1 + Math.exp(-x)), 1 / (1 + Math.exp(x))] : [x, 1 - x];
      tp += p * target[i];
      fp += p * (1 - target[i]);
      fn += q * target[i];
    });
    const all = tp + fp_weight * fp + fn_weight * fn + below;
    return all === 0 ? 0 : 1 - (tp + above) / all;
  },
  binary_cross_entropy({ pred, target }, { from_logits }) {
    const log1pexp = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    const part = (weight, cost) => (weight === 0 ? 0 : weight * cost); // 0 log 0 is 0
    const cost = (x, y) =>
      from_logits
        ? y * log1pexp(-x) + (1 - y) * log1pexp(x)
        : part(y, -Math.log(x)) + part(1 - y, -Math.log1p(-x));
    return pred.reduce((sum, x, i) => sum + cost(x, target[i]), 0) / pred.length;
  },
  dice_score({ pred, target }, { threshold, undefined: nothing }) {
    const [a, b] = [pred, target].map((mask) => mask.map((x) => x > threshold));
    const sizes = a.filter(Boolean).length + b.filter(Boolean).length;
    return sizes === 0 ? Number(nothing) : (2 * a.filter((one, i) => one && b[i]).length) / sizes;
  },
};

const view = new DataView(new ArrayBuffer(8));
const readers = {
  float64: (digits) => (view.setBigUint64(0, BigInt("0x" + digits)), view.getFloat64(0)),
  int64: (digits) => Number(BigInt.asIntN(64, BigInt("0x" + digits))),
  uint8: (digits) => parseInt(digits, 16),
};

function numbers({ dtype, bits }) {
  return (bits.match(dtype === "uint8" ? /../g : /.{16}/g) || []).map(readers[dtype]);
}

let run = 0, leftOut = 0;
const failed = new Set(), shownBy = new Map();
for (const name of process.argv.slice(2)) {
  for (const text of fs.readFileSync(name, "ascii").split("\n").filter(Boolean)) {
    const vector = JSON.parse(text);
    if (!functions[vector.spec]) continue;
    const arrays = Object.fromEntries(Object.entries(vector.arrays).map(([key, array]) => [key, numbers(array)]));
    const got = vector.form === "region" ? functions[vector.spec](arrays, vector.parameters) : undefined;
    if (got === undefined) {
      leftOut++;
      continue;
    }
    run++;
    for (const flag of vector.flags) shownBy.set(flag, [...(shownBy.get(flag) || []), vector.id]);
    const [want] = numbers(vector.value), [tolerance] = numbers(vector.value_tolerance.float64);
    if (got === want || (Number.isNaN(got) && Number.isNaN(want)) || Math.abs(got - want) <= tolerance) continue;
    failed.add(vector.id);
    console.log(`FAIL ${vector.id}: want ${want}, got ${got}; wrong here: ${vector.flags.join(", ")}`);
  }
}
for (const [flag, ids] of shownBy)
  if (ids.length === failed.size && ids.every((id) => failed.has(id))) console.log(`the same vectors fail for: ${flag}`);
console.log(`${run} vectors run, ${failed.size} failed, ${leftOut} of other forms left out`);
process.exit(failed.size > 0 || run === 0 ? 1 : 0);
