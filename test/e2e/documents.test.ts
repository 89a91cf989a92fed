import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Block, blocksOf, documents } from '../docs/blocks.ts'
import { notPrinted } from '../docs/printed.ts'
import { documentedAddresses } from '../rig/documented-addresses.ts'
import { DocumentedProject, SERVED } from '../rig/documented-project.ts'
import { noServer } from '../rig/s3-server.ts'
import { onCluster } from '../rig/slurm.ts'

const SCALE =
  'queryloom run pipelines/paper/scale.yaml --params pipelines/paper/small.yaml -p augmented=path/to/scifact -p measured=path/to/scifact'
const SCALE_FROM_ROWS = `${SCALE} --home rows/.queryloom`

/** Calls that are not executed as they stand, and why; nothing else is left out. */
const LEFT_OUT: readonly { document: string; call: string; instead?: string; why: string }[] = [
  ...['npm install && npm run quickstart', 'npm install && npm test'].map((call) => ({
    document: 'README.md',
    call,
    why: 'the first is test/e2e/quickstart.test.ts, the second runs this test',
  })),
  ...['npm install && npm test', 'npm run check', 'npm run lint'].map((call) => ({
    document: 'CONTRIBUTING.md',
    call,
    why: 'of the repository itself: CI calls them',
  })),
  {
    document: 'docs/guides/one-gpu.md',
    call: 'queryloom run pipeline.yaml',
    instead: 'queryloom run pipeline.yaml kept',
    why: 'training a transformer on a card takes the card and PyTorch for it; up to there vLLM and the card are stand-ins',
  },
  {
    document: 'docs/cli.md',
    call: 'queryloom init path/to/corpus.csv',
    instead: 'queryloom init path/to/corpus.csv --yes',
    why: 'it asks on a terminal: test/e2e/first-steps.test.ts answers',
  },
  {
    document: 'docs/reproducing-the-paper.md',
    call: SCALE_FROM_ROWS,
    instead: `! ${SCALE_FROM_ROWS}\n${SCALE_FROM_ROWS} --trust`,
    why: 'the answers that come along are for SciFact; what is asked for the small collection is shown, and then trusted',
  },
  ...['npm test', 'npm run soak'].map((call) => ({
    document: 'docs/testing.md',
    call,
    why: 'they run this test',
  })),
]

/** Blocks of output that are compared with what is printed elsewhere, by how they begin; all others are here. */
const COMPARED_ELSEWHERE: readonly { document: string; begins: string; where: string }[] = [
  { document: 'README.md', begins: 'collection, test', where: 'test/e2e/quickstart.test.ts' },
  { document: 'docs/architecture.md', begins: ' YAML text', where: 'a drawing' },
  { document: 'docs/progress.md', begins: '⠹ ', where: 'test/engine/report/tty-rows.test.ts' },
  { document: 'docs/sharing.md', begins: '$ queryloom run', where: 'test/e2e/bundle.test.ts' },
]

/** What a reader has, or has done, before a call; each is told or implied by the page. */
const BEFORE: readonly { document: string; call: RegExp; text: string }[] = [
  // What was found on the one collection stands in for what is found on another.
  { document: 'docs/analysis.md', call: /^queryloom claims/, text: `${SCALE}\ncp -r out/scale out/msmarco-scale` },
  {
    document: 'docs/cli.md',
    call: /^queryloom accept/,
    text: "sed -i 's/Relevant/Fitting/' pipelines/prompts/few-shot.yaml",
  },
  {
    document: 'docs/cli.md',
    call: /^queryloom export/,
    text: 'queryloom run pipelines/scifact.yaml; queryloom keys new',
  },
  { document: 'docs/cli.md', call: /^queryloom keys new/, text: 'rm -rf "$XDG_CONFIG_HOME"' },
  { document: 'docs/cli.md', call: /^queryloom push/, text: 'queryloom run pipelines/scifact.yaml' },
  {
    document: 'docs/auditing.md',
    call: /--import theirs/,
    text: 'queryloom audit pipelines/scifact.yaml queries --export theirs.jsonl',
  },
]

/** Pages whose pipeline serves its model itself, on cards. */
const SERVING = ['docs/guides/cluster.md', 'docs/shards.md']
/** Pages that need a cluster. */
const CLUSTERS = [...SERVING, 'docs/slurm.md']
/** A block that is a file says so first. */
const NAMED = /^# ([\w-]+\.yaml)/
/** Written from the code, and planned by a test of their own. */
const REFERENCES = /^docs\/(stages|pipeline-format)\.md$/

/** Does what a document says, block by block, and looks whether it prints what is shown; returns the calls that were left out. */
async function follow(document: string, project: DocumentedProject): Promise<string[]> {
  project.open()
  if (SERVING.includes(document)) project.merge({ models: { writer: SERVED } })
  if (document === 'docs/cli.md')
    project.write('queryloom.yaml', 'remotes: { lab: { folder: /mnt/lab/queryloom, write: true } }\n')
  const left: string[] = []
  const blocks = blocksOf(document).filter(({ note }) => note !== 'sketch')
  const concernsPipeline = blocks.some(({ language, text }) => language === 'sh' && / pipeline\.yaml/.test(text))
  // Whoever has read to the end has the files that the page shows.
  for (const { language, text } of blocks) {
    const named = language === 'yaml' && NAMED.exec(text)?.[1]
    if (named) project.write(named, noServer === undefined ? text : withoutBucket(text))
  }
  let printed = ''
  for (const block of blocks) {
    const { language, text: shown, place } = block
    const isElsewhere = COMPARED_ELSEWHERE.some((one) => one.document === document && shown.startsWith(one.begins))
    if (language === '' && !isElsewhere) expect(notPrinted(shown, printed), `${place}\n${printed}`).toEqual([])
    if (block.language === 'yaml') await write(block, project, concernsPipeline)
    if (block.language !== 'sh') continue
    const lines = block.text.split('\n').map((line) => {
      const out = LEFT_OUT.find((one) => one.document === document && callOf(line) === one.call)
      if (out) left.push(out.call)
      return out ? (out.instead ?? '') : line
    })
    const before = BEFORE.filter((one) => one.document === document && lines.some((line) => one.call.test(line)))
    for (const { text } of before) await done(block, text, project)
    printed += await done(block, lines.join('\n'), project)
    if (project.has('first.yaml')) project.shorten('first.yaml')
  }
  return left
}

/** A line without its comment and what stands around it. */
function callOf(line: string): string {
  return line.replace(/\s+#.*$/, '').trim()
}

/** Puts a block of YAML where the page wants it; a whole pipeline is run. */
async function write(block: Block, project: DocumentedProject, concernsPipeline: boolean): Promise<void> {
  const { document, text } = block
  if (NAMED.test(text) || REFERENCES.test(document)) return
  const value = parse(text) as { [name: string]: unknown }
  if ('version' in value) {
    project.write('whole.yaml', text)
    project.shorten('whole.yaml')
    await done(block, 'queryloom run whole.yaml', project)
  } else if (concernsPipeline) {
    const sections = ['params', 'datasets', 'models', 'stages', 'sweep', 'baselines']
    project.merge(Object.keys(value).every((name) => sections.includes(name)) ? value : { stages: value })
  }
}

function withoutBucket(text: string): string {
  return text.replace(/^ {2}team:\n(?: {4}.*\n)*/m, '').replace(/^( {4}folder: .*)$/m, '$1\n    write: true')
}

/** Calls what it says, which must succeed; returns what was printed. */
async function done({ place }: Block, text: string, project: DocumentedProject): Promise<string> {
  const { exitCode, timedOut, all = '' } = await project.call(text)
  expect({ exitCode, timedOut }, `${place}\n${text}\n${all}`).toEqual({ exitCode: 0, timedOut: false })
  return all
}

test('every command that a document shows does what it says', { timeout: 3_600_000 }, async () => {
  const project = new DocumentedProject(await documentedAddresses())
  const commit = 'git -c user.name=a -c user.email=a@b commit -q --allow-empty'
  const { exitCode, all } = await project.call(`git init -q
    queryloom run pipelines/quickstart/quickstart.yaml
    queryloom run pipelines/scifact.yaml
    queryloom run pipeline.yaml
    git add -A
    for n in 1 2 3 4 5 6; do ${commit} -m $n; done`)
  expect(exitCode, all).toBe(0)
  const left: string[] = []
  for (const document of documents()) if (!CLUSTERS.includes(document)) left.push(...(await follow(document, project)))
  expect(left).toEqual(LEFT_OUT.map(({ call }) => call))
})

onCluster('documents of clusters', { nodes: 2 }, (cluster) => {
  test.each(CLUSTERS)('every command that %s shows does what it says', { timeout: 3_600_000 }, async (document) => {
    // What the profiles on these pages ask for.
    if (!/PartitionName=gpu/.test(cluster.call('scontrol', 'show', 'partition'))) {
      cluster.call('scontrol', 'create', 'PartitionName=gpu', 'Nodes=ALL')
      for (const node of ['n1', 'n2'])
        cluster.call('scontrol', 'update', `NodeName=${node}`, 'AvailableFeatures=a100', 'ActiveFeatures=a100')
    }
    const project = new DocumentedProject(await documentedAddresses(), cluster.env)
    expect(await follow(document, project)).toEqual([])
    expect(cluster.call('squeue', '--noheader', '--partition=gpu').trim()).toBe('')
  })
})
