import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { accessibilityProblems, closeBrowser, hasBrowser, overflow, visit } from '../rig/browser.ts'
import { fakeOpenai } from '../rig/fake-openai.ts'
import { ended, Project } from '../rig/project.ts'

afterAll(closeBrowser)

const HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script> & "quotes" \u202egnorw'
const TOPICS = ['harbour', 'orchard', 'glacier', 'library', 'furnace', 'meadow', 'violin', 'lantern']
const CORPUS = TOPICS.map((name, i) => ({
  _id: `p${i}`,
  title: i === 3 ? HOSTILE : `The ${name} of the town`,
  text: `The ${name} opens before dawn and closes after the last boat, train or reader has left. It was painted green in ${1900 + i}, and people say it hums in strong wind.`,
}))
const rows = (all: readonly object[]): string => all.map((row) => `${JSON.stringify(row)}\n`).join('')

const PIPELINE = (url: string): string => `version: 1
name: town
params: { generator: "\${models.a}" }
datasets: { town: { source: data } }
models:
  a: { endpoint: "${url}", model: a }
  b: { endpoint: "${url}", model: b }
  judge: { endpoint: "${url}", model: judge }
stages:
  passages: { uses: sample-corpus, with: { dataset: "\${datasets.town}", strategy: all } }
  queries:
    uses: generate
    with: { passages: "\${stages.passages.passages}", model: "\${params.generator}", prompt: write.yaml, per_passage: 2 }
  kept:
    uses: filter
    with:
      pairs: \${stages.queries.pairs}
      steps: [{ judge: { model: "\${models.judge}", prompt: judge.yaml, at_least: 0 } }]
  words: { uses: eval, with: { retriever: bm25, dataset: "\${datasets.town}", queries: all } }
  judged:
    uses: judge
    with: { dataset: "\${datasets.town}", runs: { words: "\${stages.words.run}" }, depth: 3 }
sweep: { axes: { generator: { a: "\${models.a}", b: "\${models.b}" } } }
`

async function town(): Promise<Project> {
  const server = await fakeOpenai(({ body, text }) => {
    if (body.model === 'judge') return { answer: '2' }
    const name = /The (\w+) opens/.exec(text)?.[1] ?? ''
    return {
      answer:
        body.model === 'a' ? `when does the ${name} open ${HOSTILE}` : `${name} submarine opening ${body.seed % 7}`,
    }
  })
  const project = new Project({
    'data/corpus.jsonl': rows(CORPUS),
    'data/queries.jsonl': rows([
      { _id: 'q1', text: 'when does the harbour open' },
      { _id: 'q2', text: `green library ${HOSTILE}` },
    ]),
    'pipeline.yaml': PIPELINE(server.url),
    'write.yaml': '{ mode: completion, user: "Passage: {{text}} Query:" }\n',
    'judge.yaml':
      '{ mode: completion, variables: [query], user: "{{query}} {{text}} Grade:", parse: { scale: [0, 1, 2, 3] } }\n',
  })
  const run = await project.run('pipeline.yaml')
  expect(run.stderr).toBe('')
  expect(run.finished.status).toBe('ok')
  return project
}

interface Serving {
  url: string
  pairs: number
  judged: number
  child: ChildProcess
}

/** Starts the page and waits for its address. */
async function serve(project: Project, ...args: string[]): Promise<Serving> {
  const child = project.start('audit', 'pipeline.yaml', ...args, '--json', '--no-open')
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  return new Promise((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (more: string) => (text += more))
    child.stdout?.setEncoding('utf8').once('data', (line: string) => resolve({ ...JSON.parse(line), child }))
    child.on('close', () => reject(new Error(text)))
  })
}

/** Whether these many pairs are in the log, as the program itself reads it. */
async function exported(
  project: Project,
  ...args: string[]
): Promise<{ query: string; labels?: string[]; grade?: number }[]> {
  const { stdout } = await project.call('audit', 'pipeline.yaml', ...args, '--export', '-')
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

function ask(
  url: string,
  how: { path?: string; host?: string; token?: string; method?: string; body?: string; origin?: string },
) {
  const { port } = new URL(url)
  const { path = '/api/items', host = `127.0.0.1:${port}`, token, method = 'GET', body, origin } = how
  return new Promise<{ status: number; headers: object; text: string }>((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      path,
      method,
      headers: {
        host,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(origin === undefined ? {} : { origin }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    })
    asked.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (more: string) => (text += more))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

const tokenOf = (url: string): string => new URL(url).searchParams.get('token') as string

test('only who knows the token, under the name of this machine, is answered; nobody is told who wrote a query', async () => {
  const project = await town()
  const { url, child } = await serve(project, 'queries', '--count', '3')
  const token = tokenOf(url)
  expect(new URL(url).hostname).toBe('127.0.0.1')
  const right = await ask(url, { token })
  expect(right.status).toBe(200)
  expect(Object.keys(right.headers)).not.toContain('access-control-allow-origin')
  expect(right.headers).toMatchObject({ 'cache-control': 'no-store', 'x-frame-options': 'DENY' })
  expect(right.text).not.toMatch(/generator|"by"/)
  const items = JSON.parse(right.text) as {
    pair: string
    title: string
    text: string
    signals: object
    grades: object[]
  }[]
  // Three queries of each generator, side by side for the same passage; what one wrote twice stands there once.
  expect(new Set(items.map(({ text }) => text)).size).toBe(3)
  expect(items).toHaveLength(6)
  expect(items[0]?.signals).toMatchObject({ searched: 8, searched_to: 100 })
  expect(items[0]?.grades).toEqual([{ judge: 'judge by judge.yaml', grade: 2 }])
  const { port } = new URL(url)
  const body = JSON.stringify({ pair: items[0]?.pair, said: ['relevant'] })
  const refused = await Promise.all([
    ask(url, {}),
    ask(url, { token: token.slice(1) }),
    ask(url, { token: `${token.slice(1)}x` }),
    ask(url, { token, host: 'evil.example' }),
    ask(url, { token, host: `evil.example:${port}` }),
    ask(url, { path: '/' }),
    ask(url, { path: `/?token=${token}x` }),
    ask(url, { token, path: '/api/label', method: 'POST', body, origin: 'https://evil.example' }),
  ])
  expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 403))
  const post = (text: string) => ask(url, { token, path: '/api/label', method: 'POST', body: text })
  const wrong = await Promise.all([
    post('{'),
    post(JSON.stringify({ pair: `sha256:${'0'.repeat(64)}`, said: ['relevant'] })),
    post(JSON.stringify({ pair: items[0]?.pair, said: ['perfect'] })),
    post(JSON.stringify({ pair: items[0]?.pair, said: ['factual', 'hallucinated'] })),
    post(JSON.stringify({ pair: items[0]?.pair, said: null })),
    post(`"${'x'.repeat(70_000)}"`),
  ])
  expect(wrong.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 413])
  expect(await exported(project, 'queries')).toEqual([])
  expect((await ask(url, { token, path: '/api/elsewhere' })).status).toBe(404)
  const end = ended(child)
  child.kill('SIGINT')
  expect((await end).status).toBe(0)
})

test('labels are on the disk when they are answered: they outlive a kill, a rerun and other numbers of passages', async () => {
  const project = await town()
  const first = await serve(project, 'queries', '--count', '3')
  const token = tokenOf(first.url)
  const items = JSON.parse((await ask(first.url, { token })).text) as { pair: string; query: string }[]
  const say = (pair: string, said: string[]) =>
    ask(first.url, { token, path: '/api/label', method: 'POST', body: JSON.stringify({ pair, said }) })
  await say(items[0]!.pair, ['relevant'])
  await say(items[0]!.pair, ['relevant', 'factual'])
  expect(JSON.parse((await say(items[1]!.pair, [])).text)).toEqual({ judged: 2 })
  const gone = ended(first.child)
  process.kill(-first.child.pid!, 'SIGKILL')
  await gone
  const said = await exported(project, 'queries')
  expect(said.map(({ labels }) => labels)).toEqual([['relevant', 'factual'], []])
  // Other ids, another sample, the same texts.
  project.write('data/corpus.jsonl', rows(CORPUS.map((one) => ({ ...one, _id: `other-${one._id}` }))))
  const rerun = await project.run('pipeline.yaml')
  expect(rerun.finished.requests.sent).toBe(0)
  expect(await exported(project, 'queries')).toEqual(said)
  const again = await serve(project, 'queries', '--count', '8')
  expect(again.judged).toBe(2)
  // The report tells of them, for queries as they were written and as they were kept.
  const told = await project.json<{ by_hand: { queries: { source: string; judged: number }[]; pools: object[] } }>(
    'report',
    'pipeline.yaml',
  )
  expect(told.by_hand.queries.reduce((sum, { judged }) => sum + judged, 0)).toBe(4)
  expect(told.by_hand.pools).toMatchObject([{ node: 'judged', agreement: null, circular: false }])
  await project.call('report', 'pipeline.yaml', '-o', 'report.html')
  const page = readFileSync(join(project.folder, 'report.html'), 'utf8')
  expect(page).toContain('Queries judged by hand')
  expect(page).toContain(`<th scope="row">${told.by_hand.queries[0]!.source}</th>`)
  // Elsewhere they are taken in, and once is enough.
  project.write('labels.jsonl', said.map((one) => `${JSON.stringify(one)}\n`).join(''))
  const imported = (...more: string[]) =>
    project.call('audit', 'pipeline.yaml', 'queries', '--import', 'labels.jsonl', '--json', ...more)
  expect(JSON.parse((await imported()).stdout)).toEqual({ taken: 0, known: 2 })
  project.write('labels.jsonl', `${JSON.stringify(said[0])}\nnonsense\n`)
  const broken = await imported()
  expect(broken.status).toBe(1)
  expect(broken.stderr).toContain('labels.jsonl:2')
  expect((await project.call('audit', 'pipeline.yaml', 'words')).stderr).toContain('words leaves nothing to judge')
})

test('a page that nobody uses ends by itself; what can not be written is told where it was started, and refused', async () => {
  const { serveLocally } = await import('../../engine/audit/server.ts')
  const full = new Error('no space left')
  const page = { html: () => '', api: () => Promise.reject(full) }
  const errors: unknown[] = []
  const signal = new AbortController().signal
  const kept = await serveLocally(page, { idleMs: 60_000, signal, onError: (error) => errors.push(error) })
  expect((await ask(kept.url, { token: tokenOf(kept.url) })).status).toBe(500)
  expect(errors).toEqual([full])
  kept.stop()
  const server = await serveLocally(page, { idleMs: 20, signal: new AbortController().signal, onError: () => {} })
  expect(await server.ended).toBe('idle')
})

/** Waits for the first pair. By a locator: a function that the page itself had to poll would be refused by its policy. */
const shown = (page: Page): Promise<void> => page.locator('#query').filter({ hasText: /\S/ }).waitFor()

describe.skipIf(!hasBrowser)('in a browser', () => {
  test('everything is said by keys, saved at once, and seen in both schemes and both widths', async () => {
    const project = await town()
    const { url, pairs } = await serve(project, 'queries', '--count', '4')
    const { page, complaints, requests } = await visit(url)
    const own = (path: string): string => new URL(path, url).href
    const saved = () => page.waitForResponse((response) => response.url() === own('/api/label'))
    const press = async (key: string): Promise<void> => {
      const answer = saved()
      await page.keyboard.press(key)
      await answer
    }
    const text = (id: string): Promise<string | null> => page.locator(`#${id}`).textContent()
    const pressed = (): Promise<string[]> => page.locator('.choice[aria-pressed=true] span').allTextContents()
    await shown(page)
    expect(await text('progress')).toBe(`0 of ${pairs} judged`)
    expect(await text('facts')).toContain('shown once you have judged')
    await press('1')
    await press('2')
    expect(await pressed()).toEqual(['Relevant', 'Factual'])
    expect(await text('facts')).toContain('Grade of judge by judge.yaml2')
    await press('3')
    expect(await pressed()).toEqual(['Relevant', 'Hallucinated'])
    expect(await text('progress')).toBe(`1 of ${pairs} judged`)
    await page.keyboard.press('ArrowRight')
    expect(await text('place')).toContain(`Pair 2 of ${pairs}`)
    await press('0')
    await page.keyboard.press('Enter')
    await press('4')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('u')
    expect(await text('place')).toContain(`Pair 4 of ${pairs}`)
    // The way of those who go from button to button.
    await page.locator('.choice').first().focus()
    await press('Space')
    const said = (await exported(project, 'queries')).map(({ labels }) => labels)
    expect(said).toEqual([['relevant', 'hallucinated'], [], ['too-generic'], ['relevant']])
    await page.locator('#list summary').click()
    await page.locator('#rows tr').first().waitFor()
    expect(await page.locator('#rows tr').count()).toBe(pairs)
    // Hostile texts are there, and are texts.
    await page.locator('#rows button').filter({ hasText: '<img' }).first().click()
    expect(await text('query')).toContain('<script>document.title=2</script>')
    expect(await text('query')).toContain('[U+202E]gnorw')
    expect(await page.title()).toBe('town: queries: judge queries')
    expect(await page.locator('article img, article script').count()).toBe(0)
    await page.reload()
    await shown(page)
    expect(await text('progress')).toBe(`4 of ${pairs} judged`)
    for (const scheme of ['light', 'dark'] as const)
      for (const width of [375, 1440]) {
        await page.emulateMedia({ colorScheme: scheme })
        await page.setViewportSize({ width, height: width === 375 ? 800 : 900 })
        expect(await accessibilityProblems(page), `${scheme}, ${width}`).toEqual([])
        expect(await overflow(page), `${scheme}, ${width}`).toBe(0)
        if (process.env.SCREENSHOTS)
          await page.screenshot({ path: join(process.env.SCREENSHOTS, `audit-${scheme}-${width}.png`) })
      }
    expect(complaints).toEqual([])
    expect(new Set(requests.filter((one) => !one.startsWith(url)))).toEqual(
      new Set([own('/api/items'), own('/api/label')]),
    )
  })

  test('what can not be saved is taken back and told; a pool is graded, and its grades become judgements', async () => {
    const project = await town()
    const { url, pairs, child } = await serve(project, 'judged')
    const { page, requests } = await visit(url)
    const progress = page.locator('#progress')
    await shown(page)
    for (let i = 0; i < pairs; i++) {
      const answer = page.waitForResponse((response) => response.url().endsWith('/api/label'))
      await page.keyboard.press(String(i % 4))
      await answer
    }
    expect(await progress.textContent()).toBe(`All ${pairs} judged`)
    const back = page.waitForResponse((response) => response.url().endsWith('/api/label'))
    await page.keyboard.press('Backspace')
    await back
    if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, 'pool.png') })
    expect(await accessibilityProblems(page)).toEqual([])
    expect(await progress.textContent()).toBe(`${pairs - 1} of ${pairs} judged`)
    const gone = ended(child)
    child.kill('SIGTERM')
    await gone
    await page.keyboard.press('3')
    await page.locator('#alert:not([hidden])').waitFor()
    expect(await page.locator('#alert').textContent()).toContain('could not be saved')
    expect(await progress.textContent()).toBe(`${pairs - 1} of ${pairs} judged`)
    expect(requests.every((one) => one.startsWith(new URL('/', url).href))).toBe(true)

    const { stderr } = await project.call('audit', 'pipeline.yaml', 'judged', '--export', 'hand.jsonl')
    expect(stderr).toContain(`${pairs - 1} labels written to hand.jsonl`)
    const pipeline = readFileSync(join(project.folder, 'pipeline.yaml'), 'utf8')
    project.write('pipeline.yaml', pipeline.replace('depth: 3 }', 'depth: 3, hand: hand.jsonl }'))
    await project.run('pipeline.yaml', 'judged')
    const judging = JSON.parse(readFileSync(join(project.folder, 'out/pipeline/judged/qrels/judging.json'), 'utf8'))
    expect(judging).toMatchObject({ pairs, judged: pairs - 1, by_hand: pairs - 1, by_llm: 0 })
    await project.call('report', 'pipeline.yaml', '-o', 'report.html')
    const report = await visit(pathToFileURL(join(project.folder, 'report.html')).href)
    expect(await report.page.locator('#by-hand table').count()).toBe(1)
    expect(await report.page.locator('#by-hand').textContent()).toContain(`${pairs - 1} of ${pairs}`)
    if (process.env.SCREENSHOTS)
      await report.page.locator('#by-hand').screenshot({ path: join(process.env.SCREENSHOTS, 'by-hand.png') })
    expect(await accessibilityProblems(report.page)).toEqual([])
    expect(report.complaints).toEqual([])
  })
})
