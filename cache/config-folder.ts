import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** Where what a person decides for all projects is kept: `$XDG_CONFIG_HOME/queryloom`, or `~/.config/queryloom`. */
export function configFolder(): string {
  const base = process.env.XDG_CONFIG_HOME
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.config'), 'queryloom')
}
