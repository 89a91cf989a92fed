import { randomBytes } from 'node:crypto'
import type { Sink, View } from '../view.ts'
import { printable } from '../words.ts'

/** How a kind of CI marks lines that belong together and may be folded. */
interface Marks {
  begin(title: string): string
  end(): string
}

/**
 * Puts what a view writes into a group that CI folds, so that the summary after it is what one sees: GitHub's where
 * `GITHUB_ACTIONS` is set, GitLab's where `GITLAB_CI` is. Elsewhere the view stays as it is.
 */
export function inLogGroup(view: View, out: Sink, env: NodeJS.ProcessEnv, now: () => number = Date.now): View {
  const marks = env.GITHUB_ACTIONS === 'true' ? gitHub() : env.GITLAB_CI === 'true' ? gitLab(now) : undefined
  if (!marks) return view
  let isOpen = false
  return {
    event: (event) => {
      if (event.type === 'run-started') {
        isOpen = true
        out.write(marks.begin(`run of ${printable(event.pipeline).replace(/\s+/g, ' ')}`))
      }
      view.event(event)
    },
    notice: (text) => view.notice(text),
    close: async () => {
      await view.close()
      if (isOpen) out.write(marks.end())
      isOpen = false
    },
  }
}

// Whatever a log or a model says in between, GitHub must not take it for a command: it obeys none up to the token.
function gitHub(): Marks {
  const token = randomBytes(16).toString('hex')
  return {
    begin: (title) => `::group::${title}\n::stop-commands::${token}\n`,
    end: () => `::${token}::\n::endgroup::\n`,
  }
}

function gitLab(now: () => number): Marks {
  const name = `queryloom_${randomBytes(4).toString('hex')}`
  const mark = (what: string): string => `\u001b[0Ksection_${what}:${Math.floor(now() / 1000)}:${name}`
  return {
    begin: (title) => `${mark('start')}[collapsed=true]\r\u001b[0K${title}\n`,
    end: () => `${mark('end')}\r\u001b[0K\n`,
  }
}
