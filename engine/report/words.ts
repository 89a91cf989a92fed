/** A whole number with a comma every three digits. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 node`, `2 nodes`. */
export function counted(value: number, noun: string, plural: string = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`
}

/** A span of time in at most two units: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`, `1 d 04 h`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const two = (value: number): string => String(value).padStart(2, '0')
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${two(whole % 60)} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${two(minutes % 60)} min`
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`
}

/** A point in time to the second, from ISO 8601 or milliseconds since the epoch: `2026-11-22 10:11:12Z`. */
export function moment(time: string | number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? String(time) : `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`
}

/** A span of time that is only estimated, in one or two units with few digits: `5 s`, `40 s`, `4 min`, `2 h 10 min`. */
export function roughly(seconds: number): string {
  if (seconds < 0.95) return 'less than 1 s'
  if (seconds < 10) return `${Math.round(seconds)} s`
  if (seconds < 57.5) return `${Math.round(seconds / 5) * 5} s`
  const minutes = Math.max(1, Math.round(seconds / 60))
  if (minutes < 60) return `${minutes} min`
  const tens = Math.round(minutes / 10)
  return tens % 6 === 0 ? `${Math.round(tens / 6)} h` : `${Math.floor(tens / 6)} h ${(tens % 6) * 10} min`
}

/** Rows a second, with two digits that matter. */
export function rate(perSecond: number): string {
  if (perSecond >= 10) return `${count(perSecond)}/s`
  return perSecond >= 1 ? `${perSecond.toFixed(1)}/s` : `${perSecond.toFixed(2)}/s`
}

/** Bytes in binary units: `812 B`, `1.4 MiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let shown = value
  for (; shown >= 1024 && unit < units.length - 1; unit++) shown /= 1024
  return unit === 0 ? `${shown} B` : `${shown.toFixed(1)} ${units[unit]}`
}

/** Every line of a text with the same indentation. */
export function indent(text: string, by: string): string {
  return text.replace(/^(?=.)/gm, by)
}

/**
 * Text from outside (logs, model answers, file names) made safe to print: control characters, which a terminal could
 * obey, and those that turn the direction of writing are removed, line breaks and tabs kept.
 */
export function printable(text: string): string {
  return text.replace(COMMANDS, '').replace(UNSEEN, '')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is removed
const COMMANDS = /\u001b\[[0-9;?]*[ -/]*[@-~]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** What somebody wrote, on one line. */
export function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, ' ').trim()
}

/** What a system is called in tables: its stage, or the label of that, and its place in the sweep. */
export function systemLabel(name: string, variant: { readonly [axis: string]: string }): string {
  const axes = Object.entries(variant).map(([axis, value]) => `${axis}=${value}`)
  return oneLine(axes.length === 0 ? name : `${name} [${axes.join(', ')}]`)
}
