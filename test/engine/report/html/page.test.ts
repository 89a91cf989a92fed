import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { html } from '../../../../engine/report/html/markup.ts'
import { page } from '../../../../engine/report/html/page.ts'
import { accessibilityProblems, closeBrowser, hasBrowser, visit } from '../../../rig/browser.ts'
import { temporaryFolder } from '../../../rig/temporary.ts'

afterAll(closeBrowser)

test.skipIf(!hasBrowser)('on paper a page is light, whatever the screen is', async () => {
  const file = join(temporaryFolder(), 'page.html')
  writeFileSync(file, page({ title: 'A page', body: html`<main><h1>A page</h1><p class="down">one</p></main>` }))
  const { page: shown } = await visit(pathToFileURL(file).href, { scheme: 'dark' })
  const colours = (): Promise<unknown> =>
    shown.evaluate(
      '[document.body, document.querySelector("p")].map((part) => getComputedStyle(part)).map(({ color }) => color)',
    )
  expect(await colours()).toEqual(['rgb(228, 231, 234)', 'rgb(245, 148, 140)'])
  await shown.emulateMedia({ media: 'print', colorScheme: 'dark' })
  expect(await colours()).toEqual(['rgb(0, 0, 0)', 'rgb(179, 38, 30)'])
})

test.skipIf(!hasBrowser)('its own style and script are obeyed, those that slipped into the body are not', async () => {
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const other = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`
  const file = join(temporaryFolder(), 'page.html')
  const body = html`<main><h1>A page</h1><p id="a">one</p></main>`
  const script = "document.getElementById('a').textContent = 'two'"
  const slipped = `<script>window.slipped = 1</script><img src="${other}" onerror="window.slipped = 2" alt="">`
  writeFileSync(file, page({ title: 'A page', body, script }).replace('</main>', `${slipped}</main>`))
  const { page: shown, complaints } = await visit(pathToFileURL(file).href)
  expect(await shown.textContent('#a')).toBe('two')
  expect(await shown.evaluate('window.slipped')).toBeUndefined()
  expect(await shown.evaluate('getComputedStyle(document.querySelector("main")).maxWidth')).toBe('1088px')
  // The rig tells of what the policy forbade: a page without complaints has nothing of the kind.
  expect(complaints.some((text) => text.includes('Content Security Policy'))).toBe(true)
  expect(asked).toBe(0)
  expect(await accessibilityProblems(shown)).toEqual([])
})
