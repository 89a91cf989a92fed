/*
 * What training a table of token vectors does most, four single-precision numbers at a time. Written in AssemblyScript, and
 * compiled to WebAssembly: its operations give equal bytes on every machine. `test/stages/kernels/kernels.test.ts -u` compiles it.
 *
 * All addresses are bytes, all vectors rows of `stride` numbers, a multiple of 32 (unused ones are zero): blocks of 32
 * numbers stay in registers while everything that is summed into them passes by.
 * Only single variables stay there, no lists of them, so that both sums by blocks (`sumTexts`, `weightedRows`) write out all eight.
 */

/** Bytes of the block of a row that is summed at once. */
const BLOCK: usize = 128

/** out[t] = the sum of count × row over the tokens of text t: those from starts[texts[t]] up to starts[texts[t] + 1]. */
export function sumTexts(
  texts: usize,
  count: i32,
  starts: usize,
  tokens: usize,
  counts: usize,
  table: usize,
  stride: i32,
  out: usize,
): void {
  const bytes = (<usize>stride) << 2
  for (let t = 0; t < count; t++) {
    const text = texts + ((<usize>t) << 2)
    const at = starts + ((<usize>load<u32>(text)) << 2)
    const first = (<usize>load<u32>(at)) << 2
    const end = (<usize>load<u32>(at, 4)) << 2
    const sum = out + <usize>t * bytes
    for (let d: usize = 0; d < bytes; d += BLOCK) {
      let s0 = f32x4.splat(0)
      let s1 = s0
      let s2 = s0
      let s3 = s0
      let s4 = s0
      let s5 = s0
      let s6 = s0
      let s7 = s0
      for (let i = first; i < end; i += 4) {
        const row = table + <usize>load<u32>(tokens + i) * bytes + d
        const times = v128.load32_splat(counts + i)
        s0 = f32x4.add(s0, f32x4.mul(times, v128.load(row)))
        s1 = f32x4.add(s1, f32x4.mul(times, v128.load(row, 16)))
        s2 = f32x4.add(s2, f32x4.mul(times, v128.load(row, 32)))
        s3 = f32x4.add(s3, f32x4.mul(times, v128.load(row, 48)))
        s4 = f32x4.add(s4, f32x4.mul(times, v128.load(row, 64)))
        s5 = f32x4.add(s5, f32x4.mul(times, v128.load(row, 80)))
        s6 = f32x4.add(s6, f32x4.mul(times, v128.load(row, 96)))
        s7 = f32x4.add(s7, f32x4.mul(times, v128.load(row, 112)))
      }
      const to = sum + d
      v128.store(to, s0)
      v128.store(to, s1, 16)
      v128.store(to, s2, 32)
      v128.store(to, s3, 48)
      v128.store(to, s4, 64)
      v128.store(to, s5, 80)
      v128.store(to, s6, 96)
      v128.store(to, s7, 112)
    }
  }
}

/** gradient[token] += count × bySum[t] for all tokens of all texts. */
export function spreadToTokens(
  texts: usize,
  count: i32,
  starts: usize,
  tokens: usize,
  counts: usize,
  bySum: usize,
  stride: i32,
  gradient: usize,
): void {
  const bytes = (<usize>stride) << 2
  for (let t = 0; t < count; t++) {
    const text = texts + ((<usize>t) << 2)
    const at = starts + ((<usize>load<u32>(text)) << 2)
    const end = (<usize>load<u32>(at, 4)) << 2
    const from = bySum + <usize>t * bytes
    for (let i = (<usize>load<u32>(at)) << 2; i < end; i += 4) {
      const row = gradient + <usize>load<u32>(tokens + i) * bytes
      const times = v128.load32_splat(counts + i)
      for (let d: usize = 0; d < bytes; d += 32) {
        const to = row + d
        const x = from + d
        v128.store(to, f32x4.add(v128.load(to), f32x4.mul(times, v128.load(x))))
        v128.store(to, f32x4.add(v128.load(to, 16), f32x4.mul(times, v128.load(x, 16))), 16)
      }
    }
  }
}

/** One step of Adam for the rows that `rows` names; their gradients are zero afterwards. */
export function adam(
  rows: usize,
  count: i32,
  stride: i32,
  table: usize,
  first: usize,
  second: usize,
  gradient: usize,
  firstDecay: f32,
  secondDecay: f32,
  rate: f32,
  epsilon: f32,
): void {
  const bytes = (<usize>stride) << 2
  const b1 = f32x4.splat(firstDecay)
  const rest1 = f32x4.splat(1 - firstDecay)
  const b2 = f32x4.splat(secondDecay)
  const rest2 = f32x4.splat(1 - secondDecay)
  const step = f32x4.splat(rate)
  const least = f32x4.splat(epsilon)
  const zero = f32x4.splat(0)
  for (let r = 0; r < count; r++) {
    const from = <usize>load<u32>(rows + ((<usize>r) << 2)) * bytes
    for (let at = from; at < from + bytes; at += 16) {
      const slope = v128.load(gradient + at)
      const m = f32x4.add(f32x4.mul(b1, v128.load(first + at)), f32x4.mul(rest1, slope))
      const v = f32x4.add(f32x4.mul(b2, v128.load(second + at)), f32x4.mul(rest2, f32x4.mul(slope, slope)))
      v128.store(first + at, m)
      v128.store(second + at, v)
      const move = f32x4.div(f32x4.mul(step, m), f32x4.add(f32x4.sqrt(v), least))
      v128.store(table + at, f32x4.sub(v128.load(table + at), move))
      v128.store(gradient + at, zero)
    }
  }
}

/** out[i × m + j] = the product of row i of `a` with row j of `b`. */
export function products(a: usize, n: i32, b: usize, m: i32, stride: i32, out: usize): void {
  const bytes = (<usize>stride) << 2
  for (let i = 0; i < n; i++) {
    const x = a + <usize>i * bytes
    const to = out + ((<usize>i * <usize>m) << 2)
    let j = 0
    for (; j + 3 < m; j += 4) {
      const y0 = b + <usize>j * bytes
      const y1 = y0 + bytes
      const y2 = y1 + bytes
      const y3 = y2 + bytes
      let s0 = f32x4.splat(0)
      let s1 = s0
      let s2 = s0
      let s3 = s0
      for (let d: usize = 0; d < bytes; d += 16) {
        const v = v128.load(x + d)
        s0 = f32x4.add(s0, f32x4.mul(v, v128.load(y0 + d)))
        s1 = f32x4.add(s1, f32x4.mul(v, v128.load(y1 + d)))
        s2 = f32x4.add(s2, f32x4.mul(v, v128.load(y2 + d)))
        s3 = f32x4.add(s3, f32x4.mul(v, v128.load(y3 + d)))
      }
      const at = to + ((<usize>j) << 2)
      store<f32>(at, total(s0))
      store<f32>(at, total(s1), 4)
      store<f32>(at, total(s2), 8)
      store<f32>(at, total(s3), 12)
    }
    for (; j < m; j++) {
      const y = b + <usize>j * bytes
      let s = f32x4.splat(0)
      for (let d: usize = 0; d < bytes; d += 16) s = f32x4.add(s, f32x4.mul(v128.load(x + d), v128.load(y + d)))
      store<f32>(to + ((<usize>j) << 2), total(s))
    }
  }
}

function total(s: v128): f32 {
  return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1) + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3))
}

/** out[i] = the sum of weights[i × across + j × down] × row j of `b`; weights of 0 are passed over. */
export function weightedRows(
  weights: usize,
  n: i32,
  across: i32,
  m: i32,
  down: i32,
  b: usize,
  stride: i32,
  out: usize,
): void {
  const bytes = (<usize>stride) << 2
  for (let i = 0; i < n; i++) {
    const own = weights + ((<usize>i * <usize>across) << 2)
    const to = out + <usize>i * bytes
    for (let d: usize = 0; d < bytes; d += BLOCK) {
      let s0 = f32x4.splat(0)
      let s1 = s0
      let s2 = s0
      let s3 = s0
      let s4 = s0
      let s5 = s0
      let s6 = s0
      let s7 = s0
      for (let j = 0; j < m; j++) {
        const weight = own + ((<usize>j * <usize>down) << 2)
        if (load<f32>(weight) === 0) continue
        const times = v128.load32_splat(weight)
        const row = b + <usize>j * bytes + d
        s0 = f32x4.add(s0, f32x4.mul(times, v128.load(row)))
        s1 = f32x4.add(s1, f32x4.mul(times, v128.load(row, 16)))
        s2 = f32x4.add(s2, f32x4.mul(times, v128.load(row, 32)))
        s3 = f32x4.add(s3, f32x4.mul(times, v128.load(row, 48)))
        s4 = f32x4.add(s4, f32x4.mul(times, v128.load(row, 64)))
        s5 = f32x4.add(s5, f32x4.mul(times, v128.load(row, 80)))
        s6 = f32x4.add(s6, f32x4.mul(times, v128.load(row, 96)))
        s7 = f32x4.add(s7, f32x4.mul(times, v128.load(row, 112)))
      }
      v128.store(to + d, s0)
      v128.store(to + d, s1, 16)
      v128.store(to + d, s2, 32)
      v128.store(to + d, s3, 48)
      v128.store(to + d, s4, 64)
      v128.store(to + d, s5, 80)
      v128.store(to + d, s6, 96)
      v128.store(to + d, s7, 112)
    }
  }
}
