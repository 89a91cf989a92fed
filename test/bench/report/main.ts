import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { writtenReport } from '../../../engine/report/written-report.ts'
import { makePlan, openSession } from '../../../engine/session.ts'
import { registry } from '../../../stages/registry.ts'
import { inventSweep } from '../../rig/invented-sweep.ts'
import { load, thisMachine } from '../engine/machine.ts'

const MOST_BYTES = 5e6
const OPENINGS = 7

/** A sweep of 100 configurations with three trainings of each: how long its report takes to write and to open, and its size. */
async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'queryloom-report-'))
  const { processor, cores, node } = thisMachine(folder)
  console.log(`${cores} cores of ${processor}, Node ${node}, load ${load().toFixed(1)}`)
  try {
    const { file, nodes } = await inventSweep(folder, {
      scales: [0.2, 0.4, 0.6, 0.8, 1],
      densities: [1, 2, 4, 8],
      generators: ['llama-8b', 'llama-70b', 'mistral-7b', 'qwen-7b', 'smol-135m'],
      seeds: 3,
      queries: 300,
    })
    const path = join(folder, 'report.html')
    const from = performance.now()
    const { session } = await openSession({ file, registry, cwd: folder })
    const plan = await makePlan(session!)
    const current = new Map(
      plan.nodes.flatMap(({ node, decision }) => (decision.kind === 'cached' ? [[node.id, decision.record]] : [])),
    )
    const text = await writtenReport(session!, current as never, 'html')
    await session!.close()
    const seconds = (performance.now() - from) / 1000
    writeFileSync(path, text)
    const size = Buffer.byteLength(text)
    console.log(`written from ${nodes} nodes in ${seconds.toFixed(1)} s: ${(size / 1e6).toFixed(2)} MB`)
    const times = await openings(pathToFileURL(path).href)
    console.log(
      `opened (until two frames after the load event), median of ${OPENINGS}: ${times[times.length >> 1]!.toFixed(0)} ms (${times[0]!.toFixed(0)} to ${times.at(-1)!.toFixed(0)}); load ${load().toFixed(1)}`,
    )
    if (size > MOST_BYTES) process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function openings(address: string): Promise<number[]> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  const times: number[] = []
  for (let i = 0; i < OPENINGS; i++) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
    const page = await context.newPage()
    await page.goto(address)
    times.push(
      await page.evaluate<number>(
        'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))',
      ),
    )
    await context.close()
  }
  await browser.close()
  return times.sort((a, b) => a - b)
}

await main()
