import { decideNodes } from '../../plan/plan.ts'
import { dotText } from '../../report/dot.ts'
import { type Drawing, drawingOf } from '../../report/graph-drawing.ts'
import { mermaidText } from '../../report/mermaid.ts'
import { unreachable } from '../../util/unreachable.ts'
import { ExitStatus } from '../exit-status.ts'
import { print, printJson } from '../print.ts'
import type { GraphCommandOptions } from '../program.ts'
import { withSession } from '../with-session.ts'

/** `queryloom graph`: counts and estimates nothing, so it is as fast as deciding. */
export function graphCommand(file: string, options: GraphCommandOptions): Promise<ExitStatus> {
  return withSession(file, options, async (session) => {
    const { decided } = await decideNodes(session)
    const drawing = drawingOf(decided, { nodes: options.nodes ?? false })
    if (options.json) printJson(drawing)
    else print(drawn(drawing, options.format))
    return ExitStatus.ok
  })
}

function drawn(drawing: Drawing, format: GraphCommandOptions['format']): string {
  switch (format) {
    case 'mermaid':
      return mermaidText(drawing)
    case 'dot':
      return dotText(drawing)
    default:
      return unreachable(format)
  }
}
