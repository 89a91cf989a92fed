import type { WriteStream } from 'node:tty'
import {
  DefaultRenderer,
  Listr,
  ListrLogger,
  type ListrRendererFactory,
  type ListrTaskObject,
  ProcessOutput,
  Spinner,
} from 'listr2'
import { cutToWidth } from '../../util/text-width.ts'
import { Frame, type FrameTerminal } from './frame.ts'
import type { Row } from './tty-rows.ts'

/** The screen is drawn anew this often, and never more often. */
const FRAME_MS = 250
/** Frames from one turn of the spinner to the next. */
const TURN_FRAMES = 4
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
/** Lines that others wrote to the terminal meanwhile and that are kept for the end. */
const HELD_LINES = 200

type Task = ListrTaskObject<unknown, ListrRendererFactory, ListrRendererFactory>

/** listr2's renderer, allowed to draw on standard error while standard output goes elsewhere, and only what changed. */
class Renderer extends DefaultRenderer {
  static override nonTTY = true

  override async render(): Promise<void> {
    await super.render()
    const output = (this as unknown as { logger: ListrLogger }).logger.process as HeldOutput
    const frame = new Frame(output.stdout as FrameTerminal)
    output.onSuspend = () => frame.leave()
    const updater = Object.assign((text: string) => frame.draw(text), { clear: () => frame.clear(), done: () => {} })
    Object.assign(this, { updater })
  }
}

/** A row as listr2 has it: a task of its own, settled when the row's state says so. */
interface Shown {
  task: Task
  state: Row['state']
  settle(state: Row['state']): void
}

/** Draws rows with listr2, which is used as a view only: its tasks do nothing but wait for `rows()` to say they ended. */
export class Screen {
  readonly #terminal: WriteStream
  readonly #rows: () => Row[]
  readonly #shown = new Map<string, Shown>()
  readonly #list: Listr<unknown, typeof Renderer>
  readonly #ended: Promise<unknown>
  /** Resolves when the list runs its own task; rows put there before would be run by it as well. */
  readonly #begun: Promise<void>
  #finish: () => void = () => {}
  #columns = 0

  /** Starts drawing on the terminal at once; `rows` is asked before every frame. */
  constructor(terminal: WriteStream, rows: () => Row[]) {
    this.#terminal = terminal
    this.#rows = rows
    const frames = new Frames(() => this.#update())
    let begun: () => void = () => {}
    this.#begun = new Promise((resolve) => {
      begun = resolve
    })
    const alive = new Promise<void>((resolve) => {
      this.#finish = resolve
    })
    // The one task that the list runs has no title, so it has no line; the list lives as long as it does.
    const task = (): Promise<void> => {
      begun()
      return alive
    }
    this.#list = new Listr(
      { task },
      {
        concurrent: true,
        exitOnError: false,
        registerSignalListeners: false,
        renderer: Renderer,
        rendererOptions: {
          logger: new ListrLogger({ useIcons: true, toStderr: [], processOutput: new HeldOutput(terminal) }),
          spinner: frames,
          formatOutput: 'truncate',
          showErrorMessage: false,
          showSkipMessage: false,
        },
      },
    )
    this.#ended = this.#list.run()
  }

  /** Draws the last frame, which stays, and gives the terminal back. */
  async end(): Promise<void> {
    await this.#begun
    this.#update()
    // Tasks settle in promises of their own; a turn of the event loop is enough for all of them.
    await new Promise((resolve) => setImmediate(resolve))
    this.#finish()
    await this.#ended
  }

  #update(): void {
    const columns = this.#terminal.columns || 80
    // What listr2 has drawn of a task that ended is never drawn anew, so another width needs other tasks.
    if (columns !== this.#columns) this.#shown.clear()
    this.#columns = columns
    const rows = this.#rows()
    const keys = new Set(rows.map((row) => row.key))
    for (const [key, shown] of this.#shown) {
      if (keys.has(key)) continue
      shown.settle('skipped')
      this.#shown.delete(key)
    }
    const drawn = this.#list.tasks as unknown as Task[]
    drawn.splice(1, drawn.length, ...rows.map((row) => this.#taskOf(row, columns)))
  }

  #taskOf(row: Row, columns: number): Task {
    let shown = this.#shown.get(row.key)
    const over = shown && shown.state !== 'waiting' && shown.state !== 'running'
    if (!shown || (shown.state !== row.state && (over || row.state === 'waiting' || shown.state === 'waiting'))) {
      shown = newTask(row.state)
      this.#shown.set(row.key, shown)
    }
    const room = columns - 4
    if (!over || shown.state !== row.state || shown.task.title === undefined) {
      shown.task.title = cutToWidth(row.text, room)
    }
    if (shown.state !== row.state) shown.settle(row.state)
    shown.state = row.state
    return shown.task
  }
}

/** Each task belongs to a silent list of its own: rows come and go, which the tasks of a running list can't. */
function newTask(state: Row['state']): Shown {
  let settle: (state: Row['state']) => void = () => {}
  const settled = new Promise<Row['state']>((resolve) => {
    settle = resolve
  })
  const list = new Listr(
    {
      title: ' ',
      task: async (_context, task) => {
        const how = await settled
        if (how === 'skipped') task.skip()
        else if (how === 'failed') throw new Error(task.title)
      },
    },
    { renderer: 'silent', exitOnError: false, registerSignalListeners: false },
  )
  const task = list.tasks[0] as unknown as Task
  if (state === 'waiting') void task.check(undefined)
  else void list.run()
  if (state !== 'waiting' && state !== 'running') settle(state)
  return { task, state, settle }
}

/** The clock of listr2's renderer: one frame in `FRAME_MS`. */
class Frames extends Spinner {
  readonly #before: () => void
  #draw: NodeJS.Immediate | undefined
  #turns = 0

  constructor(before: () => void) {
    super()
    this.#before = before
  }

  override start(draw?: () => void): void {
    super.start(() => {
      this.#before()
      // New tasks reach their state in promises of their own; drawn at once, they would be missing from this frame.
      this.#draw = setImmediate(() => draw?.())
    }, FRAME_MS)
  }

  // A turn a second tells as well that all goes on, and leaves lines alone that have nothing else to say.
  override spin(): void {
    this.#turns++
    if (this.#turns % TURN_FRAMES === 0) super.spin()
  }

  override stop(): void {
    super.stop()
    if (this.#draw) clearImmediate(this.#draw)
  }
}

/**
 * Where listr2 draws: the terminal with its size of this moment. What others write to it meanwhile would tear the
 * frame, so it is held back and printed at the end.
 */
class HeldOutput extends ProcessOutput {
  readonly #terminal: WriteStream
  readonly #write: WriteStream['write']
  #held: string[] = []
  readonly #show = (): void => void this.#write.call(this.#terminal, SHOW_CURSOR)
  readonly #hide = (): void => void this.#write.call(this.#terminal, HIDE_CURSOR)
  // Ctrl-Z: the shell gets its terminal as it was.
  readonly #suspend = (): void => {
    this.onSuspend()
    this.#show()
    process.kill(process.pid, 'SIGSTOP')
  }
  /** Called before the process is stopped by Ctrl-Z. */
  onSuspend: () => void = () => {}

  constructor(terminal: WriteStream) {
    super(terminal, terminal)
    this.#terminal = terminal
    this.#write = terminal.write
  }

  override get stdout(): NodeJS.WriteStream {
    const terminal = this.#terminal
    const write = (text: string): boolean => this.#write.call(terminal, text)
    const live = {
      isTTY: true,
      get columns() {
        return terminal.columns
      },
      get rows() {
        return terminal.rows
      },
      write,
    }
    return live as unknown as NodeJS.WriteStream
  }

  override hijack(): void {
    this.active = true
    this.#hide()
    process.on('SIGTSTP', this.#suspend)
    process.on('SIGCONT', this.#hide)
    // Whatever ends the process meanwhile, nobody is left without a cursor.
    process.on('exit', this.#show)
    this.#terminal.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
      this.#held.push(text)
      if (this.#held.length > HELD_LINES) this.#held.shift()
      const done = rest.at(-1)
      if (typeof done === 'function') process.nextTick(done as () => void)
      return true
    }
  }

  override release(): void {
    this.#terminal.write = this.#write
    for (const text of this.#held) this.#terminal.write(text)
    this.#held = []
    this.#terminal.write(SHOW_CURSOR)
    process.off('SIGTSTP', this.#suspend)
    process.off('SIGCONT', this.#hide)
    process.off('exit', this.#show)
    this.active = false
  }
}
