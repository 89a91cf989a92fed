import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadPipeline } from '../../engine/parse/load.ts'
import { loadGraph } from '../../engine/plan/load-graph.ts'
import type { Graph } from '../../engine/plan/node.ts'
import { namedFindings } from '../../engine/report/claims/read.ts'
import { packageRoot } from '../../engine/util/package-root.ts'
import type { AnalysisOptions } from '../../stages/analysis/stage.ts'
import { registry } from '../../stages/registry.ts'
import { Project } from '../rig/project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const FOLDER = join(packageRoot, 'pipelines/paper')
const SCIFACT = join(packageRoot, '../shared/data/scifact')
const MSMARCO = join(packageRoot, '../shared/data/msmarco-mini')
const SMALL = ['--params', join(FOLDER, 'small.yaml'), '-p', `augmented=${SCIFACT}`, '-p', `measured=${SCIFACT}`]

/** Nodes, and requests over all of them, of the experiments on SciFact's 5,183 passages. */
const EXPERIMENTS: { readonly [name: string]: { nodes: number; requests: number } } = {
  // A tenth of the passages is there to choose from. 25 to 100 % of them, one query each: the larger samples ask only for what the smaller ones did not.
  scale: { nodes: 109, requests: 536 },
  // Half of them; what a density of 5 asks for holds what lower ones do.
  density: { nodes: 83, requests: 1_340 },
  generators: { nodes: 34, requests: 268 },
  ladder: { nodes: 24, requests: 268 },
  selection: { nodes: 108, requests: 536 },
  diversity: { nodes: 117, requests: 5_092 },
  negatives: { nodes: 77, requests: 268 },
  biomedical: { nodes: 78, requests: 536 },
}

/** Nodes of those whose queries LLaMA-7B wrote: imported, so that nothing is asked. */
const IMPORTED: { readonly [name: string]: number } = {
  'msmarco-scale': 157,
  'msmarco-density': 108,
  'msmarco-selection': 74,
  'msmarco-negatives': 77,
  'pre-training-ladder': 66,
}

const CLAIMING = [...Object.keys(EXPERIMENTS), ...Object.keys(IMPORTED), 'study']

const FINDINGS = [
  'An 8B generator is worth a 70B one',
  'More passages before more queries for each',
  'Recall rises while nDCG falls',
  'The gain saturates at half of the corpus',
  'The weaker the pre-training, the larger the gain',
]

function findingsIn(name: string): string[] {
  return namedFindings(loadPipeline(join(FOLDER, `${name}.yaml`), { registry }).pipeline!)
}

/** The analysis of a graph, and the variants of each of its systems on one collection, seeds folded. */
function claimed({ nodes }: Graph) {
  const node = [...nodes.values()].find(({ stage }) => stage === 'analysis')!
  const analysis = node.options as unknown as AnalysisOptions
  const variants = (label: string): { readonly [axis: string]: string }[] => {
    const found = new Map<string, { readonly [axis: string]: string }>()
    for (const [i, { label: own }] of analysis.systems.entries()) {
      if (own !== label) continue
      for (const [slot, input] of node.inputs) {
        if (!slot.startsWith(`systems/${i}/scores`) || input.type !== 'stage') continue
        const { train_seed: _, collection: __, ...variant } = nodes.get(input.node)!.variant
        found.set(JSON.stringify(variant), variant)
      }
    }
    return [...found.values()]
  }
  return { analysis, variants }
}

interface Plan {
  nodes: { id: string; stage: string; estimate: { exact: boolean } }[]
  totals: { requests: number }
}

async function plan(name: string, ...args: string[]): Promise<Plan> {
  return new Project({}).json<Plan>('plan', join(FOLDER, `${name}.yaml`), '--home', temporaryFolder(), ...args)
}

const there = existsSync(SCIFACT)
if (!existsSync(MSMARCO)) console.warn('skipped: plans and claims on MS MARCO need ../shared/data/msmarco-mini')
if (!there) console.warn('skipped: plans of pipelines/paper on SciFact need ../shared/data/scifact')

describe('the experiments of the paper', () => {
  test('each file is known here', () => {
    const files = readdirSync(FOLDER)
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => name.replace('.yaml', ''))
    expect(files.sort()).toEqual(
      [
        ...Object.keys(EXPERIMENTS),
        ...Object.keys(IMPORTED),
        'chain',
        'common',
        'msmarco-chain',
        'msmarco-queries',
        'small',
        'small-queries',
        'study',
      ].sort(),
    )
  })

  test.skipIf(!there).each(Object.entries(EXPERIMENTS))(
    '%s, small: so many nodes and requests',
    async (name, expected) => {
      const { nodes, totals } = await plan(name, ...SMALL)
      expect({ nodes: nodes.length, requests: totals.requests }).toEqual(expected)
    },
  )

  test.skipIf(!existsSync(MSMARCO)).each(Object.entries(IMPORTED))(
    '%s: so many nodes, and no request',
    async (name, expected) => {
      const { nodes, totals } = await plan(name, '-p', `data=${MSMARCO}`)
      expect({ nodes: nodes.length, requests: totals.requests }).toEqual({ nodes: expected, requests: 0 })
    },
  )

  const claiming = CLAIMING.filter((name) => !(name in IMPORTED) || existsSync(MSMARCO))
  test.each(claiming)('%s: each claim speaks of systems that are there, one by each name', (name) => {
    const params = name in IMPORTED ? { data: MSMARCO } : undefined
    const { graph, diagnostics } = loadGraph(join(FOLDER, `${name}.yaml`), { registry, ...(params ? { params } : {}) })
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    const { analysis, variants } = claimed(graph!)
    for (const { claim, all } of analysis.claims ?? [])
      for (const { plus, minus } of all)
        for (const { system, ...axes } of [...plus, ...minus]) {
          const meant = variants(system).filter((variant) =>
            Object.entries(axes).every(([axis, value]) => variant[axis] === String(value)),
          )
          expect([name, claim, system, axes, meant.length]).toEqual([name, claim, system, axes, 1])
        }
  })

  test('its five findings are put to the test by the files that ask them, and by the whole grid', () => {
    const of = (...names: string[]) => new Set(names.flatMap((name) => findingsIn(name)))
    expect([...of('scale', 'generators', 'ladder', 'density')].sort()).toEqual(FINDINGS)
    expect([...of('study')].sort()).toEqual(FINDINGS)
    for (const name of CLAIMING) for (const finding of findingsIn(name)) expect(FINDINGS).toContain(finding)
  })

  test('the whole grid is one graph of 144 configurations, and nothing of it is there twice', async () => {
    const { nodes, totals } = await plan('study', ...(there ? ['-p', `augmented=${SCIFACT}`] : []))
    // Three models, five queries of each for each passage: no scale and no density asks for what another asks for.
    if (there) expect(totals.requests).toBe(3 * 5 * 5_183)
    const counts: { [stage: string]: number } = {}
    for (const { stage } of nodes) counts[stage] = (counts[stage] ?? 0) + 1
    // 3 generators x 4 scales x 3 densities; x 4 retrievers x 3 seeds; x 8 collections.
    expect(counts).toEqual({
      passages: 4,
      queries: 36,
      kept: 36,
      data: 36,
      retriever: 432,
      scores: 3456,
      bm25: 8,
      'labelled-data': 1,
      'labelled-retriever': 12,
      labelled: 96,
      analysis: 1,
    })
  })
})
