import type { ShownExposure } from '../plan/exposure.ts'

/** All that a pipeline would execute and contact, one a line; nothing in it can pass for text of ours. */
export function exposureText(exposures: readonly ShownExposure[]): string {
  return exposures
    .flatMap(({ by, does, what, details }) => [
      `  ${escaped(by)} ${does} ${escaped(what)}`,
      ...details.map((detail) => `      ${escaped(detail)}`),
    ])
    .join('\n')
}

// Line breaks, terminal controls, and characters that look like none or turn text around.
function escaped(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu, (character) => {
    if (character === '\n') return '\\n'
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}
