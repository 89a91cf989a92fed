import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Puts a style on a text, or leaves it alone where colours are not wanted. */
export type Paint = (style: Style, text: string) => string

/** Text as it is. */
export const plainPaint: Paint = (_style, text) => text

/** Whether a stream takes colours: a terminal, unless `NO_COLOR` is set; others only where `FORCE_COLOR` asks for it. */
export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  return stream.isTTY === true && env.TERM !== 'dumb'
}

/** Colours for a stream. */
export function paintFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  return wantsColour(stream, env) ? (style, text) => styleText(style, text, { validateStream: false }) : plainPaint
}
