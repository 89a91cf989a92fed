/** One line of a comparison: kept, only before, or only after. */
type Edit = { kind: ' ' | '-' | '+'; line: string }

/** Beyond this many differing lines an edit script says no more than "all of it changed". */
const MAX_EDITS = 2000

/**
 * The hunks of a unified diff of two texts by lines, without file names; empty where the texts are equal. A last line
 * without a line break is compared as if it had one.
 */
export function unifiedDiff(before: string, after: string, context = 3): string {
  const edits = compare(linesOf(before), linesOf(after))
  const out: string[] = []
  let old = 1
  let now = 1
  for (const hunk of hunksOf(edits, context)) {
    old += hunk.skipped
    now += hunk.skipped
    const oldCount = hunk.edits.filter((edit) => edit.kind !== '+').length
    const nowCount = hunk.edits.filter((edit) => edit.kind !== '-').length
    out.push(`@@ -${range(old, oldCount)} +${range(now, nowCount)} @@`)
    for (const edit of hunk.edits) out.push(`${edit.kind}${edit.line}`)
    old += oldCount
    now += nowCount
  }
  return out.join('\n')
}

function linesOf(text: string): string[] {
  if (text === '') return []
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

// An empty range is written with the line before it, as diff does.
function range(start: number, count: number): string {
  if (count === 1) return String(start)
  return `${count === 0 ? start - 1 : start},${count}`
}

function compare(before: readonly string[], after: readonly string[]): Edit[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head++
  let tail = 0
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  ) {
    tail++
  }
  const keep = (line: string): Edit => ({ kind: ' ', line })
  return [
    ...before.slice(0, head).map(keep),
    ...myers(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(keep),
  ]
}

/** Shortest edit script by the greedy algorithm of Myers (1986), deletions before insertions. */
function myers(a: readonly string[], b: readonly string[]): Edit[] {
  const limit = Math.min(a.length + b.length, MAX_EDITS)
  // `reached[k]` is the furthest index in `a` on diagonal k (index in `a` minus index in `b`); one copy per step.
  const trace: Map<number, number>[] = []
  let reached = new Map<number, number>([[1, 0]])
  for (let d = 0; d <= limit; d++) {
    trace.push(new Map(reached))
    const next = new Map(reached)
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reached.get(k - 1) ?? -1) < (reached.get(k + 1) ?? -1))
      let x = down ? (reached.get(k + 1) ?? 0) : (reached.get(k - 1) ?? 0) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      next.set(k, x)
      if (x >= a.length && x - k >= b.length) return walkBack(trace, a, b)
    }
    reached = next
  }
  return [...a.map((line): Edit => ({ kind: '-', line })), ...b.map((line): Edit => ({ kind: '+', line }))]
}

function walkBack(trace: readonly Map<number, number>[], a: readonly string[], b: readonly string[]): Edit[] {
  const edits: Edit[] = []
  let x = a.length
  let y = b.length
  for (let d = trace.length - 1; d >= 0; d--) {
    const reached = trace[d]!
    const k = x - y
    const down = k === -d || (k !== d && (reached.get(k - 1) ?? -1) < (reached.get(k + 1) ?? -1))
    const fromK = down ? k + 1 : k - 1
    const fromX = d === 0 ? 0 : (reached.get(fromK) ?? 0)
    const fromY = d === 0 ? 0 : fromX - fromK
    while (x > fromX && y > fromY) {
      edits.push({ kind: ' ', line: a[--x]! })
      y--
    }
    if (d === 0) break
    if (down) edits.push({ kind: '+', line: b[--y]! })
    else edits.push({ kind: '-', line: a[--x]! })
  }
  return edits.reverse()
}

/** Runs of edits with their context, and how many kept lines stand between each and the one before. */
function* hunksOf(edits: readonly Edit[], context: number): Generator<{ skipped: number; edits: Edit[] }> {
  let at = 0
  while (at < edits.length) {
    let change = at
    while (change < edits.length && edits[change]!.kind === ' ') change++
    if (change === edits.length) return
    const start = Math.max(at, change - context)
    let end = change
    for (let i = change, kept = 0; i < edits.length && kept <= 2 * context; i++) {
      if (edits[i]!.kind === ' ') kept++
      else {
        kept = 0
        end = i
      }
    }
    const stop = Math.min(edits.length, end + 1 + context)
    yield { skipped: start - at, edits: edits.slice(start, stop) }
    at = stop
  }
}
