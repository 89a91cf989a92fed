import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type axe from 'axe-core'
import { type Browser, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

const program = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Whether there is a browser to look with: `$CHROMIUM`, or Debian's. */
export const hasBrowser: boolean = existsSync(program)
if (!hasBrowser) console.warn(`${program} is not there: pages are not tried in a browser`)

/** How a page is looked at. */
export interface Look {
  width?: number
  height?: number
  scheme?: 'light' | 'dark'
  /** Where a script of the page must not run. */
  scripts?: boolean
}

/** A page that is open, with all that it complained about and all that it asked for. */
export interface Visit {
  page: Page
  /** Errors and warnings of its console, exceptions that nothing caught, and what its policy forbade. */
  complaints: readonly string[]
  /** Addresses of everything that was asked for beside the page itself. */
  requests: readonly string[]
}

/** Nothing on a page is waited for any longer; less than a test, so that it is told what was. */
const PATIENCE_MS = 300_000

let open: Promise<Browser> | undefined

/** Opens an address in a window of its own, which is closed with the test. */
export async function visit(address: string, look: Look = {}): Promise<Visit> {
  const { width = 1440, height = 900, scheme = 'light', scripts = true } = look
  // The sandbox of Chromium refuses to be started by root.
  open ??= chromium.launch({
    executablePath: program,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
    timeout: PATIENCE_MS,
  })
  const browser = await open
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    javaScriptEnabled: scripts,
  })
  context.setDefaultTimeout(PATIENCE_MS)
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const complaints: string[] = []
  const requests: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    if (request.url() !== address) requests.push(request.url())
  })
  await page.goto(address)
  return { page, complaints, requests }
}

/** Ends the browser; for the end of a file of tests. */
export async function closeBrowser(): Promise<void> {
  const browser = await open
  open = undefined
  await browser?.close()
}

const axeSource = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** What axe-core finds that keeps people from using the page, one line each: rule, severity, and where. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(axeSource, 'utf8'))
  const results = (await page.evaluate('axe.run()')) as axe.AxeResults
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical' || impact === 'moderate')
    .flatMap(({ id, impact, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} (${impact}) at ${target.join(' ')}: ${failureSummary}`),
    )
}

/** How much wider than the window the page is, in pixels; 0 if it need not be scrolled sideways. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
}
