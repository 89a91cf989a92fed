import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { writeFileAtomic } from '../../cache/durable.ts'
import { type Label, type LabelLog, readLabel } from '../../cache/label-log.ts'
import { type Audits, StageError } from '../../stages/define.ts'
import type { Sources } from './subject.ts'

/** Writes what was said of all pairs of the sources, sampled or not, as JSON Lines; returns how many. */
export async function exportLabels(
  log: LabelLog,
  { form, sources }: Sources,
  audits: Pick<Audits, 'keysOf' | 'pools'>,
  place: string,
): Promise<number> {
  const known = log.all(form)
  const wanted = new Set<string>()
  const queries = new Set([...known.values()].map(({ query }) => query))
  if (form === 'grade') for (const { pair } of await audits.pools(sources, { seed: 1 })) wanted.add(pair)
  else for (const source of sources) for (const key of await audits.keysOf(source, queries)) wanted.add(key)
  const labels = [...known.values()].filter(({ pair }) => wanted.has(pair))
  const text = labels.map((label) => `${JSON.stringify(label)}\n`).join('')
  if (place === '-') process.stdout.write(text)
  else await writeFileAtomic(resolve(place), text)
  return labels.length
}

/** Takes in labels that were exported elsewhere. One that is older than what is known of its pair is left out. */
export async function importLabels(log: LabelLog, place: string): Promise<{ taken: number; known: number }> {
  const labels: Label[] = []
  const lines = createInterface({ input: createReadStream(place), crlfDelay: Number.POSITIVE_INFINITY })
  let number = 0
  try {
    for await (const line of lines) {
      number++
      if (line.trim() === '') continue
      const label = readLabel(line)
      if (!label)
        throw new StageError('this is no label', {
          where: `${place}:${number}`,
          advice: 'Import what `queryloom audit … --export` wrote. Nothing was taken in.',
        })
      labels.push(label)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new StageError('there is no such file', { where: place })
  }
  const before = { labels: log.all('labels'), grade: log.all('grade') }
  const fresh = labels.filter((label) => {
    const known = before[label.labels ? 'labels' : 'grade'].get(label.pair)
    return !known || known.at < label.at
  })
  await log.append(fresh)
  return { taken: fresh.length, known: labels.length - fresh.length }
}
