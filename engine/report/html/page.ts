import { createHash } from 'node:crypto'
import { type Html, html, trusted } from './markup.ts'
import { STYLE } from './style.ts'

/** What a page is made of beside the look that all of them have. */
export interface Page {
  title: string
  body: Html
  /** Rules beside the common ones. */
  style?: string
  /** The one script of the page, if it has any. */
  script?: string
  /** Whether the page may ask the server that it came from; a file on the disk may ask nobody. */
  connects?: boolean
  /** What programs find at the beginning of the page. */
  facts?: { readonly [name: string]: string }
}

/**
 * A whole page in one text. It loads nothing, and its policy forbids it to: of scripts and style sheets only these very
 * ones are obeyed, whatever text from outside the body shows.
 */
export function page({ title, body, style = '', script, connects = false, facts = {} }: Page): string {
  const rules = `${STYLE}${style}`
  const policy = [
    "default-src 'none'",
    // For browsers that don't tell sheets and attributes apart.
    "style-src 'unsafe-inline'",
    `style-src-elem ${hashOf(rules)}`,
    "style-src-attr 'unsafe-inline'",
    ...(script === undefined ? [] : [`script-src ${hashOf(script)}`]),
    ...(connects ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${Object.entries(facts).map(([name, content]) => html`<meta name="${name}" content="${content}">\n`)}<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${trusted(rules)}</style>
</head>
<body>
${body}
${script !== undefined && trusted(`<script>${script}</script>`)}
</body>
</html>
`.text
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
