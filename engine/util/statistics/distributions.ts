/** Probability that a t of so many degrees of freedom (infinite: a standard normal) is at least so far from zero. */
export function twoSidedP(t: number, df: number): number {
  if (!Number.isFinite(df)) return erfc(Math.abs(t) / Math.SQRT2)
  return incompleteBeta(df / 2, 0.5, df / (df + t * t))
}

/** The distance from zero that a t of so many degrees of freedom reaches, on either side, with probability `p`. */
export function twoSidedQuantile(p: number, df: number): number {
  if (p >= 1) return 0
  if (p <= 0) return Number.POSITIVE_INFINITY
  let high = 1
  while (twoSidedP(high, df) > p && high < 1e300) high *= 2
  let low = high === 1 ? 0 : high / 2
  for (let step = 0; step < 200 && low < high; step++) {
    const middle = (low + high) / 2
    if (middle === low || middle === high) break
    if (twoSidedP(middle, df) > p) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Regularised incomplete beta function by its continued fraction (Lentz's method; DiDonato and Morris 1992, NIST DLMF 8.17). */
function incompleteBeta(a: number, b: number, x: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(a, b, x)) / a : 1 - (front * betaFraction(b, a, 1 - x)) / b
}

function betaFraction(a: number, b: number, x: number): number {
  let c = 1
  let d = 1 / (1 - ((a + b) * x) / (a + 1))
  let result = d
  for (let m = 1; m <= 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / (1 + even * d)
    c = 1 + even / c
    result *= c * d
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / (1 + odd * d)
    c = 1 + odd / c
    result *= c * d
    if (Math.abs(c * d - 1) < 1e-15) break
  }
  return result
}

/** Stirling's series, after the recurrence has made the argument large enough for it. */
function logGamma(x: number): number {
  let shift = 0
  let at = x
  while (at < 12) {
    shift += Math.log(at)
    at += 1
  }
  const inverse = 1 / (at * at)
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / at
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - shift
}

/** Complementary error function of a non-negative number: the incomplete gamma function of a half. */
function erfc(x: number): number {
  if (x === 0) return 1
  const square = x * x
  if (square < 2) {
    let term = x
    let total = x
    for (let n = 1; n < 200 && Math.abs(term) > 1e-17 * Math.abs(total); n++) {
      term *= -square / n
      total += term / (2 * n + 1)
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * total
  }
  let fraction = 0
  for (let n = 200; n >= 1; n--) fraction = n / 2 / (x + fraction)
  return Math.exp(-square) / Math.sqrt(Math.PI) / (x + fraction)
}
