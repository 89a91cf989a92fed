import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { type FirstModel, type FirstPipeline, firstPipelineText, measuredSplit } from '../../init/first-pipeline.ts'
import { type Asker, NoAnswer, openAsker } from '../../init/questions.ts'
import { projectRoot } from '../../parse/project-root.ts'
import { count } from '../../report/words.ts'
import { packageRoot } from '../../util/package-root.ts'
import { ExitStatus } from '../exit-status.ts'
import { printJson } from '../print.ts'
import type { InitCommandOptions } from '../setup-program.ts'

/** Passages that are proposed: some minutes of a small model on two cores. */
const FIRST_PASSAGES = 200

/** `queryloom init`: writes two files and nothing else; what is there already stays as it is. */
export async function initCommand(corpus: string | undefined, options: InitCommandOptions): Promise<ExitStatus> {
  const isPublished = options.from?.startsWith('beir:') ?? false
  const asks = !(options.yes || options.json || isPublished)
  if (asks && !(process.stdin.isTTY && process.stderr.isTTY))
    return refuse('there is nobody to ask here', '--yes takes what would be proposed.')
  const asker = asks ? openAsker() : undefined
  try {
    const source = options.from ?? corpus ?? (await asker?.ask('Path of the collection', '', isThere))
    if (source === undefined) return refuse('no collection is named', 'queryloom init PATH, or --from beir:NAME.')
    return await writeFirst(source, options, asker)
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    process.stderr.write('\nnothing was written\n')
    return ExitStatus.interrupted
  } finally {
    asker?.close()
  }
}

async function writeFirst(source: string, options: InitCommandOptions, asker: Asker | undefined): Promise<ExitStatus> {
  const { registry } = await import('../../../stages/registry.ts')
  const survey = await registry.datasets.survey({ source }, process.cwd())
  if ('message' in survey) return refuse(survey.message, survey.advice ?? 'See docs/datasets.md.')
  const { splits, passages, columns, named } = survey
  const measured = measuredSplit(splits)
  const size = passages
    ? `${count(passages.count)}${passages.more ? ' or more' : ''} passages`
    : 'passages to be fetched'
  const judged = measured === undefined ? 'no judged queries' : `judged queries (${splits.join(', ')})`
  if (!options.json) process.stderr.write(`${source}: ${size}, ${judged}\n`)
  const name = nameOf(source)
  const file = resolve(options.output ?? `${name}.yaml`)
  const prompt = join(dirname(file), `${basename(file).replace(/\.ya?ml$/, '')}-prompt.yaml`)
  for (const path of [file, prompt])
    if (existsSync(path))
      return refuse(`${shown(path)} is there already`, 'It stays as it is: choose another name with -o.')
  if (!existsSync(dirname(file))) return refuse(`there is no folder ${shown(dirname(file))}`, 'Make it first.')
  const model = await askModel(asker)
  const facts: FirstPipeline = {
    name,
    source: written(source, file),
    ...(columns ? { columns: await askColumns({ ...columns }, named ?? [], asker) } : {}),
    splits,
    passages: await askPassages(passages?.count, asker),
    model,
    prompt: basename(prompt),
  }
  const text = readFileSync(
    join(packageRoot, 'pipelines/prompts', model.kind === 'local' ? 'few-shot.yaml' : 'zero-shot.yaml'),
  )
  writeFileSync(prompt, text, { flag: 'wx' })
  writeFileSync(file, firstPipelineText(facts), { flag: 'wx' })
  if (options.json)
    printJson({ pipeline: file, prompt, splits, measured: measured ?? null, passages: passages?.count ?? null })
  else process.stderr.write(nextSteps(shown(file), shown(prompt)))
  return ExitStatus.ok
}

function nextSteps(file: string, prompt: string): string {
  return `wrote ${file} and ${prompt}
  queryloom plan ${file}      what a run would do and ask
  queryloom run ${file}
  queryloom doctor ${file}    whether this machine has all that it needs
`
}

async function askPassages(there: number | undefined, asker: Asker | undefined): Promise<number> {
  const proposal = Math.min(FIRST_PASSAGES, there ?? FIRST_PASSAGES)
  const answer = await asker?.ask('Passages that get queries at first', String(proposal), (text) =>
    /^[1-9]\d{0,8}$/.test(text) ? undefined : 'A whole number from 1.',
  )
  return answer === undefined ? proposal : Number(answer)
}

async function askModel(asker: Asker | undefined): Promise<FirstModel> {
  if (!asker) return { kind: 'local' }
  const isChoice = (text: string): string | undefined => (/^[12]$/.test(text) ? undefined : '1 or 2.')
  process.stderr.write(
    'Who writes the queries?\n  1  SmolLM2-135M on this machine (fetches 98 MB)\n  2  an OpenAI-compatible endpoint\n',
  )
  if ((await asker.ask('Which', '1', isChoice)) === '1') return { kind: 'local' }
  const isAddress = (text: string): string | undefined =>
    URL.canParse(text) && /^https?:/.test(text) ? undefined : 'An address such as https://host/v1.'
  const endpoint = await asker.ask('Its address', 'http://127.0.0.1:8000/v1', isAddress)
  const model = await asker.ask('Name of the model there', '', (text) => (text === '' ? 'It needs one.' : undefined))
  const keyVariable = await asker.ask('Environment variable with its key (a dash for none)', '-', (text) =>
    /^(-|[A-Za-z_]\w*)$/.test(text) ? undefined : 'The name of a variable, never the key itself.',
  )
  return { kind: 'endpoint', endpoint, model, keyVariable: keyVariable === '-' ? '' : keyVariable }
}

async function askColumns(
  guess: { [what: string]: string },
  named: readonly string[],
  asker: Asker | undefined,
): Promise<{ [what: string]: string }> {
  if (!asker) return guess
  process.stderr.write(`Its columns: ${named.join(', ')}\n`)
  const isColumn = (text: string): string | undefined => (named.includes(text) ? undefined : 'It has no such column.')
  for (const what of ['id', 'text'])
    guess[what] = await asker.ask(`Column with the ${what}`, guess[what] ?? '', isColumn)
  return guess
}

/** A path as it is written into a file: from there where both are in one project, else absolute. */
function written(source: string, file: string): string {
  if (source.includes(':')) return source
  const path = resolve(source)
  const near = relative(dirname(file), path)
  const outside = relative(projectRoot(dirname(file)), path)
  return outside.startsWith('..') ? path : near
}

function nameOf(source: string): string {
  const last = basename(source.replace(/^beir:/, ''))
    .replace(/\.(gz|zip)$/i, '')
    .replace(/\.(jsonl|ndjson|csv|tsv|txt|parquet)$/i, '')
  const plain = last
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
  return plain === '' ? 'corpus' : plain
}

function isThere(path: string): string | undefined {
  if (path.startsWith('beir:')) return undefined
  return path !== '' && existsSync(path) ? undefined : 'There is nothing of that name.'
}

function shown(path: string): string {
  return relative(process.cwd(), path) || '.'
}

function refuse(what: string, advice: string): ExitStatus {
  process.stderr.write(`${what}\n  advice  ${advice}\n`)
  return ExitStatus.invalid
}
