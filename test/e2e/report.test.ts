import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { servedBy } from '../../engine/plan/served-by.ts'
import { writtenReport } from '../../engine/report/written-report.ts'
import { makePlan, openSession } from '../../engine/session.ts'
import { registry } from '../../stages/registry.ts'
import { accessibilityProblems, closeBrowser, hasBrowser, overflow, visit } from '../rig/browser.ts'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { inventSweep } from '../rig/invented-sweep.ts'
import { Project } from '../rig/project.ts'
import { smallProject, writtenBy } from '../rig/small-project.ts'
import { temporaryFolder } from '../rig/temporary.ts'

afterAll(closeBrowser)

const BM25 = `  bm25:
    uses: eval
    with: { retriever: bm25, dataset: "\${datasets.d}", metrics: [ndcg@10, recall@10] }
sweep:
  axes: { fraction: [0.25, 0.5] }
  replicates: { train_seed: [1, 2] }
report: { baseline: bm25, labels: { bm25: BM25, scores: "<trained> & 'new'" } }
`

/** A small sweep, run. */
async function sweep(): Promise<Project> {
  const server = await fakeOpenai(writtenBy)
  // Queries of the training split are so like the others that all would count as leaked.
  const { 'data/qrels/train.tsv': _, ...files } = smallProject(server.url)
  const pipeline = files['pipeline.yaml'] as string
  const project = new Project({
    ...files,
    'pipeline.yaml': `${pipeline
      .replace('  minimum: 1\n', '  minimum: 1\n  train_seed: 1\n')
      .replace(', { from: "${datasets.d.train}" }', '')
      .replace('budget: { steps: 20 }', 'budget: { steps: 20 }, seed: "${params.train_seed}"')}${BM25}`,
  })
  const { status, stderr } = await project.call('run', 'pipeline.yaml', '--quiet')
  if (status !== 0) throw new Error(stderr)
  return project
}

describe('run', () => {
  test('tells at its end where the page of its results is, and leaves one alone that shows them already', async () => {
    const server = await fakeOpenai(writtenBy)
    const project = new Project(smallProject(server.url))
    const page = join(project.folder, 'out/pipeline.html')
    const at = (): number => statSync(page).mtimeMs
    expect((await project.call('run', 'pipeline.yaml')).stderr).toMatch(/\nreport out\/pipeline\.html\n$/)
    const before = at()
    expect((await project.call('run', 'pipeline.yaml')).stderr).toMatch(/\nreport out\/pipeline\.html\n$/)
    expect(at()).toBe(before)
    // Other labels are another page of the same results.
    project.write('pipeline.yaml', `${smallProject(server.url)['pipeline.yaml']}report: { labels: { scores: ours } }\n`)
    expect((await project.call('run', 'pipeline.yaml')).stderr).toContain('report out/pipeline.html')
    expect(readFileSync(page, 'utf8')).toContain('ours')
    rmSync(page)
    mkdirSync(page)
    const { status, stderr } = await project.call('run', 'pipeline.yaml')
    expect({ status, told: stderr.includes("warning: the report can't be written: ") }).toEqual({
      status: 0,
      told: true,
    })
  })
})

describe('report', () => {
  test('as data, as a document, as a table and as a page it tells the numbers that metrics tells', async () => {
    const project = await sweep()
    const report = await project.json<{ collections: { systems: { system: string; metrics: object }[] }[] }>(
      'report',
      'pipeline.yaml',
    )
    const metrics = await project.json<{ node: string; metrics: { [name: string]: number } }[]>(
      'metrics',
      'pipeline.yaml',
    )
    const bm25 = metrics.find(({ node }) => node === 'bm25')!.metrics['ndcg@10']!
    const mean =
      metrics
        .filter(({ node }) => node.startsWith('scores[fraction=0.5'))
        .reduce((sum, one) => sum + one.metrics['ndcg@10']!, 0) / 2
    const rows = report.collections[0]!.systems
    expect(rows.map(({ system }) => system)).toEqual([
      "<trained> & 'new' [fraction=0.25]",
      "<trained> & 'new' [fraction=0.5]",
      'BM25',
    ])
    expect(rows[1]).toMatchObject({
      replicates: 2,
      fresh: true,
      metrics: { 'ndcg@10': { mean: expect.closeTo(mean, 12) } },
    })
    expect(rows[2]).toMatchObject({ contrast: null, metrics: { 'ndcg@10': { mean: bm25, sd: null, all: bm25 } } })

    const md = (await project.call('report', 'pipeline.yaml', '--format', 'md')).stdout
    expect(md).toMatch(new RegExp(`\\| BM25 \\| ${bm25.toFixed(4)} \\|`))
    expect(md).toContain("| &lt;trained> &amp; 'new' \\[fraction=0.5\\] |")
    // What the page says of costs and of how the numbers were made stands in the others too.
    expect(md).toMatch(/### What models were asked\n\n[^\n]*\n[^\n]*\n\| queries\S* \| writer \| \d+ \|/)
    expect(md).toMatch(/\| scores\\\[fraction=0\.5,train\\_seed=1\\\] \| eval \| yes \| 20\d\d-/)
    expect(md).toContain('#### Prompt 1\n\n```json\n')
    expect(md).toContain('#### Model writer\n\n```json\n')
    const table = async (name: string): Promise<string[]> =>
      (await project.call('report', 'pipeline.yaml', '--format', 'csv', '--table', name)).stdout.trim().split('\r\n')
    const [costs, made] = [await table('costs'), await table('provenance')]
    expect(costs[0]).toBe('node,model,new,stored,failed,tokens in,tokens out,seconds,money')
    expect(costs.slice(1).every((row) => /^("queries\[.*\]"|queries\S*),writer,\d+,/.test(row))).toBe(true)
    const { provenance } = report as unknown as { provenance: { nodes: { node: string; key: string }[] } }
    expect(made).toHaveLength(1 + provenance.nodes.length)
    for (const { key } of provenance.nodes) expect(made.some((row) => row.endsWith(`,${key}`))).toBe(true)
    expect(await project.call('report', 'pipeline.yaml', '--table', 'costs')).toMatchObject({ status: 2 })
    const csv = (await project.call('report', 'pipeline.yaml', '--format', 'csv', '-o', 'numbers.csv')).stdout
    expect(csv).toMatch(/^numbers\.csv \(.* B\)\n$|^numbers\.csv \(.*KiB\)\n$/)
    expect(readFileSync(join(project.folder, 'numbers.csv'), 'utf8')).toContain(`d,test,trec9,BM25,ndcg@10,${bm25},,`)

    const told = await project.call('report', 'pipeline.yaml')
    expect(told.stdout).toMatch(/^out\/pipeline\.html \(/)
    const page = readFileSync(join(project.folder, 'out/pipeline.html'), 'utf8')
    expect(page).toContain('&lt;trained&gt; &amp; &#39;new&#39; [fraction=0.5]')
    expect(page).toContain(mean.toFixed(4))
    if (hasBrowser) await lookedAt(join(project.folder, 'out/pipeline.html'))
  })
})

const HOSTILE = `</script><img src=x onerror="window.hostile=1"><svg onload="window.hostile=2"> \u202egnp ${'long'.repeat(2000)} "'&lt;`

test.skipIf(!hasBrowser)(
  'a sweep has all its figures, and hostile text in passages, queries, prompts and names stays text',
  async () => {
    const folder = temporaryFolder()
    const { file } = await inventSweep(folder, {
      scales: [0.25, 0.5, 0.75, 1],
      densities: [1],
      generators: ['large', 'small'],
      seeds: 3,
      queries: 40,
      text: HOSTILE,
    })
    const path = join(folder, 'sweep.html')
    writeFileSync(path, await pageOf(file, folder))
    await lookedAt(path)
    const { page } = await visit(pathToFileURL(path).href)
    expect(await page.evaluate('window.hostile')).toBeUndefined()
    expect(await page.locator('img, svg[onload]').count()).toBe(0)
    await page.locator('tr', { hasText: 'BM25' }).first().waitFor()
    expect(await page.content()).not.toContain(folder)

    // By keyboard alone: from a number to its system, to the node of the queries, to the prompt.
    const follow = async (selector: string): Promise<void> => {
      await page.locator(selector).first().focus()
      await page.keyboard.press('Enter')
    }
    await follow('tr:has-text("generator small") td a')
    // A target may be the one before for a moment.
    const led = (to: string | RegExp): Promise<void> => page.locator(':target').filter({ hasText: to }).waitFor()
    await led(/^\s*The mean of 3 measurements: scores\[/)
    await follow(':target a:has-text("queries[")')
    await led(/key.*sha256:[0-9a-f]{64}.*model small/s)
    await led('</script><img src=x')
    await follow(':target a:has-text("Prompt 1")')
    await page.locator(':target pre').filter({ hasText: '{{passage}}' }).waitFor()
    // The same without the page's script.
    const { page: plain } = await visit(pathToFileURL(path).href, { scripts: false })
    await plain.locator('tr:has-text("generator small") td a').first().click()
    await plain.locator(':target').waitFor({ state: 'visible' })
    const titles = await page.locator('figure figcaption b').allTextContents()
    expect(titles).toEqual(
      expect.arrayContaining([
        'Difference from BM25 in ndcg@10',
        'ndcg@10 against recall@100, from BM25',
        'ndcg@10 by scale',
        'distinct-2 against self-BLEU',
        'kept[density=1,generator=large,scale=0.25]',
      ]),
    )
    const text = await page.textContent('body')
    expect(text).toContain('finds more, ranks worse')
    expect(text).toContain('generator=large plateau from 0.75')
    expect(text).toContain('In the failure quadrant: augmented [density=1, generator=small, scale=0.25]')
    expect(text).toContain('[U+202E]gnp')
  },
)

test('the page of a sweep of 100 configurations is no larger than 5 MB', async () => {
  const folder = temporaryFolder()
  const { file } = await inventSweep(folder, {
    scales: [0.2, 0.4, 0.6, 0.8, 1],
    densities: [1, 2, 4, 8],
    generators: ['a', 'b', 'c', 'd', 'e'],
    seeds: 1,
    queries: 20,
  })
  const page = await pageOf(file, folder)
  expect(page.match(/<details class="made"><summary>scores\[/g)).toHaveLength(100)
  expect(Buffer.byteLength(page)).toBeLessThan(5e6)
})

/** The page of a pipeline's results as the store has them. */
async function pageOf(file: string, cwd: string): Promise<string> {
  const { session } = await openSession({ file, registry, cwd })
  try {
    return await writtenReport(session!, servedBy(await makePlan(session!)), 'html')
  } finally {
    await session!.close()
  }
}

/** Looks at a page as readers with other screens and other eyes do. */
async function lookedAt(path: string): Promise<void> {
  for (const [width, scheme] of [
    [375, 'light'],
    [1440, 'dark'],
  ] as const) {
    const { page, complaints, requests } = await visit(pathToFileURL(path).href, { width, scheme })
    expect(await overflow(page)).toBe(0)
    expect(await accessibilityProblems(page)).toEqual([])
    expect(requests).toEqual([])
    expect(complaints).toEqual([])
    const figures = await page.locator('figure svg').evaluateAll((drawings) =>
      drawings.map((drawing) => ({
        title: drawing.querySelector('title')?.textContent ?? '',
        marks: drawing.querySelectorAll('circle, path, rect, line').length,
      })),
    )
    expect(figures.length).toBeGreaterThan(0)
    for (const { title, marks } of figures) {
      expect(title).not.toBe('')
      expect(marks).toBeGreaterThan(2)
    }
  }
}
