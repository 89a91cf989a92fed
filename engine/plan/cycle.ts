/**
 * Cycles among stages: each as the names along it, in the direction of the data, from the one written first; no stage
 * stands in two of them. `needs` is by stage in the order of the file; only stages in `stuck` are looked at.
 */
export function findCycles(needs: ReadonlyMap<string, ReadonlySet<string>>, stuck: ReadonlySet<string>): string[][] {
  const cycles: string[][] = []
  const left = new Set(stuck)
  for (const start of needs.keys()) {
    // Whatever is left needs something that is left, so a walk against the data must come around.
    const trail: string[] = []
    const seen = new Map<string, number>()
    let at: string | undefined = left.has(start) ? start : undefined
    while (at !== undefined && !seen.has(at)) {
      seen.set(at, trail.length)
      trail.push(at)
      at = [...needs.get(at)!].find((name) => left.has(name))
    }
    if (at === undefined) {
      for (const name of trail) left.delete(name)
      continue
    }
    const cycle = trail.slice(seen.get(at)).reverse()
    for (const name of trail) left.delete(name)
    cycles.push(fromFirst(cycle, needs))
  }
  return cycles
}

function fromFirst(cycle: readonly string[], needs: ReadonlyMap<string, unknown>): string[] {
  const members = new Set(cycle)
  for (const name of needs.keys()) {
    if (!members.has(name)) continue
    const at = cycle.indexOf(name)
    return [...cycle.slice(at), ...cycle.slice(0, at)]
  }
  return [...cycle]
}
