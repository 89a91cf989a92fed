import { expect, test } from 'vitest'
import { html, joined, trusted, visible } from '../../../../engine/report/html/markup.ts'
import { page } from '../../../../engine/report/html/page.ts'

test('what is filled in is text, in elements and in attributes', () => {
  const hostile = `</script><img src=x onerror="alert(1)">'&`
  expect(html`<p title="${hostile}">${hostile}</p>`.text).toBe(
    '<p title="&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;">&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;</p>',
  )
})

test('markup is filled in as it is, lists one after the other, and nothing for nothing', () => {
  const items = ['a', '<b>'].map((text) => html`<li>${text}</li>`)
  expect(html`<ul>${items}${null}${undefined}${false}${0}</ul>`.text).toBe('<ul><li>a</li><li>&lt;b&gt;</li>0</ul>')
  expect(joined(['a', trusted('<br>')], html`, `).text).toBe('a, <br>')
})

test('characters that turn the direction of writing are named, and what can not be shown is told', () => {
  expect(visible('safe\u202egnp.exe \u2066x\u2069 a\u0000b\u001b[31m\tc\nd')).toBe(
    'safe[U+202E]gnp.exe [U+2066]x[U+2069] a\ufffdb\ufffd[31m\tc\nd',
  )
  expect(visible('a\ud800b')).toBe('a\ufffdb')
})

test('the policy of a page lets it ask nobody, and a served one only its server', () => {
  const policyOf = (text: string): string => /Content-Security-Policy" content="([^"]+)"/.exec(text)?.[1] ?? ''
  const plain = policyOf(page({ title: 'a', body: html`<p>b</p>` }))
  expect(plain).toMatch(/^default-src 'none'; /)
  expect(plain).not.toMatch(/script-src|connect-src|https?:/)
  const served = policyOf(page({ title: 'a', body: html``, script: 'const a = 1', connects: true }))
  expect(served).toMatch(/script-src 'sha256-[^']+'; connect-src 'self'/)
})
