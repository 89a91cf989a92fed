import type { GenerateOptions } from './options.ts'

/** Decoding that only some servers have, by the member of the request that asks for it. */
const SPECIAL: { readonly [member: string]: string } = {
  use_beam_search: 'beam search',
  num_beams: 'beam search',
  best_of: 'best-of-n',
  penalty_alpha: 'contrastive search',
  num_beam_groups: 'diverse beam search',
}

/** What a plan says of options before anybody pays for them. */
export function notesOf({ per_call, show_previous, decoding }: GenerateOptions): string[] {
  const notes: string[] = []
  if (per_call !== undefined)
    notes.push(`${per_call} queries are asked for in one request: another \`per_call\` changes every request`)
  if (show_previous)
    notes.push('each request shows the queries before it: the requests of a passage follow one another')
  for (const [member, what] of Object.entries(SPECIAL))
    if (Object.hasOwn(decoding.extra, member))
      notes.push(
        `\`decoding.extra.${member}\` asks for ${what}, which the server must have; others ignore or refuse it`,
      )
  return notes
}
