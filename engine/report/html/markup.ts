/** Markup that is safe to put into a page: text from outside is in it only escaped. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What can stand in a template: markup as it is, everything else as text; nothing where there is nothing. */
export type Part = Html | string | number | null | undefined | false | readonly Part[]

/** A template for markup. Whatever is filled in is text, in attributes too, unless it was made by this function or `trusted`. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((all, text, i) => `${all}${markupOf(parts[i - 1])}${text}`))
}

/** Markup that was made elsewhere by a program of ours. */
export function trusted(markup: string): Html {
  return new Html(markup)
}

/** Parts one after the other, with something between them. */
export function joined(parts: readonly Part[], between: Part): Html {
  return new Html(parts.map(markupOf).join(markupOf(between)))
}

const ESCAPES: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text that stays text wherever it stands in a page. */
function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (found) => ESCAPES[found] as string)
}

/**
 * Text without characters that a reader can't see and a page obeys: those that turn the direction of writing stand there
 * by their names, control characters as a sign for what can't be shown.
 */
export function visible(text: string): string {
  return (
    text
      .toWellFormed()
      .replace(
        /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
        (found) => `[U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
      )
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]/g, '\ufffd')
  )
}

function markupOf(part: Part): string {
  if (part instanceof Html) return part.text
  if (Array.isArray(part)) return part.map(markupOf).join('')
  return part === null || part === undefined || part === false ? '' : escaped(String(part))
}
