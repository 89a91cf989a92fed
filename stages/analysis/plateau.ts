import { type PlateauFinding, plateauOf } from '../../engine/util/statistics/plateau.ts'
import { type Comparison, headline } from './comparison.ts'
import { differencesOf } from './contrasts.ts'
import type { Measured } from './measured.ts'

/** From where on more of an axis brings no more than `delta`; why that can't be told, where it can't. */
export interface Plateau extends PlateauFinding {
  system: string
  axis: string
  delta: number
}

/** The plateau of every line of systems along an axis, over the headline queries or others. */
export function plateausOf(
  comparison: Comparison,
  { axis, delta }: { axis: string; delta: number },
  metric: string,
  ids: readonly string[] = headline(comparison),
): Plateau[] {
  return linesAlong(comparison.systems, axis).map((line) => {
    const last = line.at(-1)!
    const along = line.map((system) => ({
      value: system.variant[axis]!,
      missing: differencesOf(last, system, ids, metric),
      replicates: system.replicates.length,
      steps: system.replicates.flatMap((one) => one.steps ?? []),
    }))
    return { system: nameWithout(last, axis), axis, delta, ...plateauOf(along, axis, delta) }
  })
}

/** Systems that differ in nothing but a numeric axis, in its order. */
function linesAlong(systems: readonly Measured[], axis: string): Measured[][] {
  const lines = new Map<string, Measured[]>()
  for (const system of systems) {
    if (!Number.isFinite(Number(system.variant[axis] ?? Number.NaN))) continue
    const others = Object.entries(system.variant).filter(([name]) => name !== axis)
    const key = JSON.stringify([system.index, others])
    lines.set(key, [...(lines.get(key) ?? []), system])
  }
  return [...lines.values()].map((line) => line.sort((a, b) => Number(a.variant[axis]) - Number(b.variant[axis])))
}

function nameWithout({ option, variant }: Measured, axis: string): string {
  const others = Object.entries(variant).filter(([name]) => name !== axis)
  const shown = others.map(([name, value]) => `${name}=${value}`).join(', ')
  return shown === '' ? option.label : `${option.label} [${shown}]`
}
