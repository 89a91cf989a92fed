import { parseArgs } from 'node:util'
import { type Case, caseOf, FULL_SET } from './cases.ts'
import { PEERS } from './peers/all.ts'
import type { Peer } from './peers/peer.ts'
import { TOOLS_VARIABLE } from './tools.ts'

export const HELP: string = `npm run bench:engine -- [options]

Executes the same graphs with queryloom and with the other engines that are on the PATH, or in the folder that
${TOOLS_VARIABLE} names; installs nothing. The table goes to standard output.

  --case KIND:SIZE  lanes:N (ten chains of N tasks in all), big:MIB (one input of so many MiB), files:N (a folder of N
                    small files as one input) or sweep:N (N configurations sharing three tasks); repeatable
                    (default: lanes:200)
  --full            ${FULL_SET.join(' ')}
  --peers NAMES     only these, separated by commas: ${PEERS.map(shortName).join(',')}
  --rounds N        how often everything is measured, in turn (default: 3)
  --jobs N          commands that may run at once (default: 2)
  --limit SECONDS   an engine that takes longer for one phase is left out from there on (default: 300)
  --work DIR        work below this folder, which decides the file system (default: the folder for temporary files)
  --markdown FILE   also write the table there
  --json FILE       write everything there, every single figure included
`

/** What the user asked for. */
export interface BenchOptions {
  cases: readonly Case[]
  peers: readonly Peer[]
  rounds: number
  jobs: number
  limitSeconds: number
  work?: string
  markdown?: string
  json?: string
}

/** The options of the command line; a text is what is wrong with them, undefined a call for help. */
export function readOptions(args: readonly string[]): BenchOptions | string | undefined {
  let values: ReturnType<typeof parse>
  try {
    values = parse(args)
  } catch (error) {
    return (error as Error).message
  }
  if (values.help) return undefined
  const names = [...(values.full ? FULL_SET : []), ...(values.case ?? [])]
  const cases = (names.length > 0 ? names : ['lanes:200']).map((name) => caseOf(name) ?? name)
  const unknownCase = cases.find((found) => typeof found === 'string')
  if (unknownCase !== undefined) return `there is no case ${unknownCase}; lanes come in multiples of ten`
  const chosen = values.peers?.split(',').map((name) => PEERS.find((peer) => shortName(peer) === name) ?? name)
  const unknownPeer = chosen?.find((found) => typeof found === 'string')
  if (unknownPeer !== undefined) return `there is no peer ${unknownPeer}`
  const [rounds, jobs, limitSeconds] = [values.rounds, values.jobs, values.limit].map(Number) as [
    number,
    number,
    number,
  ]
  if (![rounds, jobs, limitSeconds].every((value) => Number.isInteger(value) && value >= 1))
    return '--rounds, --jobs and --limit take whole numbers from 1'
  const { work, markdown, json } = values
  return {
    cases: cases as Case[],
    peers: (chosen as Peer[] | undefined) ?? PEERS,
    rounds,
    jobs,
    limitSeconds,
    ...(work === undefined ? {} : { work }),
    ...(markdown === undefined ? {} : { markdown }),
    ...(json === undefined ? {} : { json }),
  }
}

function shortName({ name }: Peer): string {
  return name.toLowerCase().replaceAll(' ', '-')
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      case: { type: 'string', multiple: true },
      full: { type: 'boolean' },
      peers: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      jobs: { type: 'string', default: '2' },
      limit: { type: 'string', default: '300' },
      work: { type: 'string' },
      markdown: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    },
  }).values
}
