import { redactor } from './redactor.ts'

const known = new Set<string>()

/** Notes a value that must not be written anywhere: an API key, a variable that is passed on. */
export function keepSecret(value: string): void {
  known.add(value)
}

/** Takes every secret that this process knows of out of a text: the last look at what failures say. */
export function hideSecrets(text: string): string {
  return redactor([...known])?.text(text) ?? text
}
