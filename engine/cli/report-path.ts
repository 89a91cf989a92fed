import type { Session } from '../session.ts'

/** Where the page of a pipeline lies unless somebody says otherwise: beside the views of its outputs. */
export function reportPath({ out }: Pick<Session, 'out'>): string {
  return `${out}.html`
}
