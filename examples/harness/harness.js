// A harness in JavaScript (Node) for `segloss-conformance check`: docs/protocol.md is the specification.
//
//   segloss-conformance check "node harness.js" --framework process --as tversky_loss \
//     --arg 'alpha=$fp_weight' --arg 'beta=$fn_weight' --dtype float64 --dtype float32
//
// Put your own function in place of tverskyLoss; the rest is plumbing.
"use strict";

function tverskyLoss(p, y, { alpha = 0.5, beta = 0.5, smooth = 1e-5 }) {
  let tp = 0, fp = 0, fn = 0;
  for (let i = 0; i < p.length; i++) {
    tp += p[i] * y[i];
    fp += p[i] * (1 - y[i]);
    fn += (1 - p[i]) * y[i];
  }
  return 1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth);
}

const functions = { tversky_loss: tverskyLoss };

// ---- The protocol. -----------------------------------------------------------------------------------------------------

const view = new DataView(new ArrayBuffer(8));
const readers = {
  float64: (digits) => (view.setBigUint64(0, BigInt("0x" + digits)), view.getFloat64(0)),
  float32: (digits) => (view.setUint32(0, parseInt(digits, 16)), view.getFloat32(0)),
};

function decode({ dtype, bits }) {
  const width = { float64: 16, float32: 8 }[dtype];
  if (!width) return null;
  return Array.from({ length: bits.length / width }, (_, i) => readers[dtype](bits.slice(i * width, (i + 1) * width)));
}

function encode(value) {
  view.setFloat64(0, value);
  return { dtype: "float64", shape: [], bits: view.getBigUint64(0).toString(16).padStart(16, "0") };
}

function answer({ cmd, seq, spec, parameters, arrays }) {
  if (cmd === "start") return { version: 1 };
  if (cmd === "grad") return { seq, unsupported: "no gradients" };
  const call = functions[spec];
  if (!call) return { seq, unsupported: `no ${spec}` };
  const [pred, target] = [decode(arrays.pred), decode(arrays.target)];
  if (!pred || !target) return { seq, unsupported: `arrays of ${arrays.pred.dtype}` };
  try {
    return { seq, value: encode(call(pred, target, parameters)) };
  } catch (problem) {
    return { seq, error: String(problem) };
  }
}

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const request = JSON.parse(line);
    if (request.cmd === "stop") process.exit(0);
    process.stdout.write(JSON.stringify(answer(request)) + "\n");
  });
