const LONGEST = 64
/** A shorter beginning says nothing. */
const SHORTEST_START = 4

/**
 * The candidate that was probably meant by a misspelt name: fewest edits (insert, delete, replace, swap neighbours),
 * at most one for each three letters, letter case not counted. Undefined if nothing is near. Does not depend on the
 * order of the candidates. If there is none, the only candidate that begins with the name, or that the name begins
 * with, is.
 */
export function suggest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > LONGEST) return undefined
  const all = [...candidates]
  const wanted = name.toLowerCase()
  let best: string | undefined
  let fewest = Math.floor((name.length + 1) / 3) + 1
  for (const candidate of all) {
    if (candidate.length > LONGEST || Math.abs(candidate.length - name.length) >= fewest + 1) continue
    const edits = editDistance(wanted, candidate.toLowerCase(), fewest)
    if (edits < fewest || (edits === fewest && best !== undefined && candidate < best)) {
      fewest = edits
      best = candidate
    }
  }
  if (best !== undefined || name.length < SHORTEST_START) return best
  const starts = all.filter((candidate) => {
    const other = candidate.toLowerCase()
    return other.startsWith(wanted) || (other.length >= SHORTEST_START && wanted.startsWith(other))
  })
  return starts.length === 1 ? starts[0] : undefined
}

/** Optimal string alignment distance; any number above `limit` means more than that. */
function editDistance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let edits = Math.min(replace, last[j]! + 1, row[j - 1]! + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, beforeLast[j - 2]! + 1)
      }
      row.push(edits)
      least = Math.min(least, edits)
    }
    if (least > limit) return limit + 1
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
