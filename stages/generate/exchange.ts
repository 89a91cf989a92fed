import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

/** One response, read to its end. */
export interface Exchanged {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

/**
 * One HTTP request handed to an undici dispatcher and the whole of its response; without the streams of `undici.request`,
 * which cost as much again. Rejects with what broke it, or with what `end` was told.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly done: Promise<Exchanged>
  #resolve!: (response: Exchanged) => void
  #reject!: (error: Error) => void
  #controller: Dispatcher.DispatchController | undefined
  #ended: Error | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  readonly #chunks: Buffer[] = []

  constructor(dispatcher: Dispatcher, request: Dispatcher.DispatchOptions) {
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    dispatcher.dispatch(request, this)
  }

  /** Breaks it off, wherever it is. */
  end(reason: Error): void {
    this.#ended = reason
    this.#controller?.abort(reason)
    this.#reject(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#ended) controller.abort(this.#ended)
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    const [first] = this.#chunks
    const bytes = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks)
    const text = bytes.toString('utf8')
    // Some servers begin with a byte order mark.
    const isMarked = text.charCodeAt(0) === 0xfeff
    this.#resolve({ status: this.#status, headers: this.#headers, text: isMarked ? text.slice(1) : text })
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error)
  }
}
