import { execFileSync, spawnSync } from 'node:child_process'
import { onTestFinished } from 'vitest'

/** Whether tests can look at a terminal; where they can't, they say so and are skipped. */
export const hasTmux: boolean = spawnSync('tmux', ['-V']).status === 0
if (!hasTmux) console.warn('tmux is not there: what a terminal shows is not tried')

let servers = 0

/** A terminal of a given size with a command in it, looked at through tmux; it ends with the test. */
export class Terminal {
  readonly #socket: string
  #seen: string[][] = []

  constructor(command: string, size: { columns: number; rows: number }, folder: string = process.cwd()) {
    // A server that is just ending refuses a new session: each terminal has one of its own.
    this.#socket = `queryloom-test-${process.pid}-${servers++}`
    onTestFinished(() => void spawnSync('tmux', ['-L', this.#socket, 'kill-server']))
    const area = ['-x', String(size.columns), '-y', String(size.rows)]
    this.#tmux('-f', '/dev/null', 'new-session', '-d', '-c', folder, ...area, `${command}; echo "over $?"; exec cat`)
  }

  /** The lines that are to be seen now, without empty ones. */
  screen(): string[] {
    return this.#tmux('capture-pane', '-p')
      .split('\n')
      .map((line) => line.trimEnd())
      .filter((line) => line !== '')
  }

  /** The same as it was written: lines that the terminal had to break are whole. */
  unbroken(): string[] {
    return this.#tmux('capture-pane', '-p', '-J')
      .split('\n')
      .map((line) => line.trimEnd())
      .filter((line) => line !== '')
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows))
  }

  press(key: string): void {
    this.#tmux('send-keys', key)
  }

  /** A line as somebody types it. */
  type(line: string): void {
    this.#tmux('send-keys', '-l', line)
    this.press('Enter')
  }

  get hasCursor(): boolean {
    return this.#tmux('display-message', '-p', '#{cursor_flag}').trim() === '1'
  }

  /** Looks until a screen is as wanted; every different one that was seen meanwhile is in `seen`. */
  async until(isWanted: (screen: string[]) => boolean): Promise<string[]> {
    for (;;) {
      const screen = this.screen()
      if (screen.join('\n') !== this.#seen.at(-1)?.join('\n')) this.#seen.push(screen)
      if (isWanted(screen)) return screen
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
  }

  /** The last screen, when the command has ended; its exit status stands in its last line. */
  over(): Promise<string[]> {
    return this.until((screen) => /^over \d+$/.test(screen.at(-1) ?? ''))
  }

  /** Every different screen that `until` and `over` saw since the last call of this. */
  seen(): string[][] {
    const seen = this.#seen
    this.#seen = []
    return seen
  }

  #tmux(...words: string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...words], { encoding: 'utf8' })
  }
}
