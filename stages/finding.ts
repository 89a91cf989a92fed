/** What `doctor` tells of one thing that queryloom uses. */
export interface Finding {
  /** What was looked at, in a word or two. */
  name: string
  /** `warning`: some pipelines will miss it. `error`: what was asked about can't work. */
  status: 'ok' | 'warning' | 'error'
  message: string
  /** How to mend it; there unless all is well. */
  advice?: string
}
