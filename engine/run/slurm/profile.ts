import { dirname, resolve } from 'node:path'
import type { Json } from '../../../stages/define.ts'
import type { Diagnostic } from '../../parse/diagnostic.ts'
import { Diagnostics, onCommandLine } from '../../parse/diagnostics.ts'
import { durationMs } from '../../parse/duration.ts'
import { explainErrors } from '../../parse/explain.ts'
import { asMap } from '../../parse/json.ts'
import { parseSource } from '../../parse/parse-source.ts'
import { readSource, Source } from '../../parse/source.ts'
import { validate } from '../../parse/validate.ts'
import { byteSize } from '../../util/byte-size.ts'
import { PROFILE_SCHEMA } from './profile-schema.ts'
import type { SlurmSettings } from './sbatch-words.ts'

/** Where stages run, and what is asked of the cluster for them. */
interface StagePlace {
  executor: 'local' | 'slurm'
  settings: SlurmSettings
  /** Tasks of an array, and how many of them may run at once. */
  shards?: number
  atOnce?: number
  /** Bytes, for a stage that says nothing. */
  memory?: number
}

/** What a profile says; none of it enters a key. */
export interface Profile {
  /** Of stages that the pipeline says nothing of. */
  place(stage: string): StagePlace
  sharedFolder?: string
  visible: readonly string[]
  /** Lines of the shell. */
  before: readonly string[]
  node?: string
  queryloom?: string
}

/** What holds without `--profile`: stages run here, unless the pipeline says otherwise. */
export const NO_PROFILE: Profile = {
  place: () => ({ executor: 'local', settings: {} }),
  visible: [],
  before: [],
}

/** Reads the file of `--profile`; without a profile, diagnostics say why. */
export function readProfile(
  file: string,
  stages: ReadonlySet<string>,
): { profile?: Profile; diagnostics: readonly Diagnostic[] } {
  const diagnostics = new Diagnostics()
  const path = resolve(file)
  const source = readSource(path)
  if (!(source instanceof Source)) {
    diagnostics.error(onCommandLine(), { code: source.code, message: `${source.message} (given with --profile)` })
    return { diagnostics: diagnostics.sorted(path) }
  }
  const document = parseSource(source, diagnostics, { values: 0 })
  if (document) {
    for (const { path: at, what, ...facts } of explainErrors(validate(PROFILE_SCHEMA, document.value)))
      diagnostics.error(document.locate(at, what), facts)
    for (const name of Object.keys(asMap(asMap(document.value).stages)))
      if (!stages.has(name))
        diagnostics.warning(document.locate(['stages', name], 'key'), {
          code: 'unknown-reference',
          message: `the pipeline has no stage \`${name}\``,
        })
    warnOfUnused(asMap(document.value), (path, message) =>
      diagnostics.warning(document.locate(path, 'key'), { code: 'stage-option', message }),
    )
  }
  const told = diagnostics.sorted(path)
  if (!document || diagnostics.errors > 0) return { diagnostics: told }
  return { profile: profileOf(asMap(document.value), dirname(path)), diagnostics: told }
}

/** Of a stage that stays here, nothing is asked of a cluster. */
function warnOfUnused(
  { executor: general, stages }: { readonly [name: string]: Json },
  warn: (path: readonly string[], message: string) => void,
): void {
  for (const [stage, written] of Object.entries(asMap(stages))) {
    const { executor = general, ...asked } = asMap(written)
    if (executor !== 'local') continue
    for (const name of Object.keys(asked))
      warn(['stages', stage, name], `\`${name}\` is not used: the stage runs on this machine (\`executor: local\`)`)
  }
}

function profileOf(written: { readonly [name: string]: Json }, folder: string): Profile {
  const { stages, shared_folder, visible, modules, before, node, queryloom } = written
  const path = (value: Json | undefined): string | undefined =>
    typeof value === 'string' ? resolve(folder, value) : undefined
  const texts = (value: Json | undefined): string[] => (value as string[] | undefined) ?? []
  const sharedFolder = path(shared_folder)
  const installed = path(queryloom)
  const loaded = texts(modules)
  return {
    place: (stage) => placeOf({ ...written, ...asMap(asMap(stages)[stage]) }),
    ...(sharedFolder === undefined ? {} : { sharedFolder }),
    visible: texts(visible).map((one) => resolve(folder, one)),
    before: [
      // A shell that is no login shell may not know the function yet.
      ...(loaded.length > 0 ? ['command -v module >/dev/null 2>&1 || . /etc/profile'] : []),
      ...loaded.map((name) => `module load '${name.replaceAll("'", "'\\''")}'`),
      ...texts(before),
    ],
    ...(typeof node === 'string' ? { node } : {}),
    ...(installed === undefined ? {} : { queryloom: installed }),
  }
}

function placeOf(written: { readonly [name: string]: Json }): StagePlace {
  const { executor = 'slurm', time, options, shards, at_once: atOnce } = written
  const named = Object.fromEntries(
    (['partition', 'account', 'qos', 'constraint', 'gpus'] as const).flatMap((name) =>
      typeof written[name] === 'string' ? [[name, written[name]]] : [],
    ),
  )
  const memory = byteSize(written.memory)
  const timeMs = typeof time === 'string' ? durationMs(time) : undefined
  return {
    executor: executor as StagePlace['executor'],
    ...(typeof shards === 'number' ? { shards } : {}),
    ...(typeof atOnce === 'number' ? { atOnce } : {}),
    ...(memory === undefined ? {} : { memory }),
    settings: {
      ...named,
      ...(timeMs === undefined ? {} : { timeMs }),
      ...(options === undefined ? {} : { options: options as string[] }),
    },
  }
}
