/*
 * What exact search does in plain arithmetic. `test/stages/kernels/kernels.test.ts -u` compiles it. All addresses are bytes.
 */

/**
 * scores[i] = the product of a query with row chosen[i], in double precision, its terms added one after another: to the bit
 * what a plain loop gives. The query is given as doubles, the rows as floats. Up to three numbers behind the scores are overwritten.
 */
export function scoreRows(query: usize, dimensions: i32, rows: usize, chosen: usize, count: i32, scores: usize): void {
  const bytes = (<usize>dimensions) << 2
  const whole = bytes & ~15
  const last = count - 1
  // Four rows at a time: two sums in each of two registers, and none waits for another. At the end some are the last row again.
  for (let i = 0; i < count; i += 4) {
    const a = rows + <usize>load<u32>(chosen + ((<usize>i) << 2)) * bytes
    const b = rows + <usize>load<u32>(chosen + ((<usize>min(i + 1, last)) << 2)) * bytes
    const c = rows + <usize>load<u32>(chosen + ((<usize>min(i + 2, last)) << 2)) * bytes
    const d = rows + <usize>load<u32>(chosen + ((<usize>min(i + 3, last)) << 2)) * bytes
    let ab = f64x2.splat(0)
    let cd = ab
    let at: usize = 0
    for (; at < whole; at += 16) {
      const q = query + (at << 1)
      const va = v128.load(a + at)
      const vb = v128.load(b + at)
      const vc = v128.load(c + at)
      const vd = v128.load(d + at)
      const ab01 = v128.shuffle<f32>(va, vb, 0, 4, 1, 5)
      const cd01 = v128.shuffle<f32>(vc, vd, 0, 4, 1, 5)
      const ab23 = v128.shuffle<f32>(va, vb, 2, 6, 3, 7)
      const cd23 = v128.shuffle<f32>(vc, vd, 2, 6, 3, 7)
      const q0 = v128.load64_splat(q)
      ab = f64x2.add(ab, f64x2.mul(q0, f64x2.promote_low_f32x4(ab01)))
      cd = f64x2.add(cd, f64x2.mul(q0, f64x2.promote_low_f32x4(cd01)))
      const q1 = v128.load64_splat(q, 8)
      ab = f64x2.add(ab, f64x2.mul(q1, f64x2.promote_low_f32x4(v128.shuffle<f64>(ab01, ab01, 1, 0))))
      cd = f64x2.add(cd, f64x2.mul(q1, f64x2.promote_low_f32x4(v128.shuffle<f64>(cd01, cd01, 1, 0))))
      const q2 = v128.load64_splat(q, 16)
      ab = f64x2.add(ab, f64x2.mul(q2, f64x2.promote_low_f32x4(ab23)))
      cd = f64x2.add(cd, f64x2.mul(q2, f64x2.promote_low_f32x4(cd23)))
      const q3 = v128.load64_splat(q, 24)
      ab = f64x2.add(ab, f64x2.mul(q3, f64x2.promote_low_f32x4(v128.shuffle<f64>(ab23, ab23, 1, 0))))
      cd = f64x2.add(cd, f64x2.mul(q3, f64x2.promote_low_f32x4(v128.shuffle<f64>(cd23, cd23, 1, 0))))
    }
    for (; at < bytes; at += 4) {
      const q0 = v128.load64_splat(query + (at << 1))
      const x = f64x2.replace_lane(f64x2.splat(<f64>load<f32>(a + at)), 1, <f64>load<f32>(b + at))
      const y = f64x2.replace_lane(f64x2.splat(<f64>load<f32>(c + at)), 1, <f64>load<f32>(d + at))
      ab = f64x2.add(ab, f64x2.mul(q0, x))
      cd = f64x2.add(cd, f64x2.mul(q0, y))
    }
    const to = scores + ((<usize>i) << 3)
    v128.store(to, ab)
    v128.store(to, cd, 16)
  }
}

/** Writes so many floats as doubles. */
export function widen(floats: usize, count: i32, doubles: usize): void {
  for (let i = 0; i < count; i++) store<f64>(doubles + ((<usize>i) << 3), <f64>load<f32>(floats + ((<usize>i) << 2)))
}

/** The largest of so many finite numbers, whatever their signs. */
export function largest(numbers: usize, count: i32): f32 {
  const end = numbers + ((<usize>count) << 2)
  let most = f32x4.splat(0)
  let more = most
  let at = numbers
  for (; at + 32 <= end; at += 32) {
    most = f32x4.pmax(most, f32x4.abs(v128.load(at)))
    more = f32x4.pmax(more, f32x4.abs(v128.load(at, 16)))
  }
  most = f32x4.pmax(most, more)
  let found = max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  )
  for (; at < end; at += 4) found = max(found, abs(load<f32>(at)))
  return found
}
