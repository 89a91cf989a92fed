import { bytes, count, counted, printable } from '../report/words.ts'
import type { Verification } from './verify.ts'

/** What a verification found, in lines. */
export function verificationText({ blobs, logs, lines, rows, embeddings, stale, isDamaged }: Verification): string {
  const vectors = embeddings > 0 ? `, ${counted(embeddings, 'embedding')}` : ''
  const said = [
    `${counted(blobs.checked, 'file')} (${bytes(blobs.bytes)})${vectors}, ${counted(lines, 'line')} of logs and ${counted(rows, 'answer')} of models read: ${isDamaged ? 'DAMAGE FOUND' : 'all is well'}`,
  ]
  for (const id of blobs.damaged) said.push(`damaged, moved to quarantine: ${id}`)
  for (const { path, why } of blobs.unreadable) said.push(`can't be read: ${path} (${why})`)
  for (const { path, damaged, knownBefore, torn } of logs) {
    const what = path.startsWith('rows/') ? 'answers' : path.startsWith('embeddings/') ? 'embeddings' : 'lines'
    for (const { offset, length } of damaged) {
      said.push(`damaged: ${path}, ${bytes(length)} at byte ${count(offset)}; the ${what} there count as missing`)
    }
    if (knownBefore > 0)
      said.push(`${path}: ${counted(knownBefore, 'damaged stretch', 'damaged stretches')} known before`)
    if (torn > 0)
      said.push(`${path}: ${bytes(torn)} at the end are cut off, as after a crash, or being written; they don't count`)
  }
  for (const { pipeline, node, output, file, problem } of stale) {
    said.push(`stale: ${printable(node)} of ${printable(pipeline)}: ${printable(`${output}/${file}`)} is ${problem}`)
  }
  if (stale.length > 0) said.push('The next run makes what is stale again.')
  return said.join('\n')
}
