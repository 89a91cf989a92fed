import type { LeaseModel } from '../define.ts'
import type { PythonTools } from '../python/environment.ts'
import type { ModelBlock } from './block.ts'

/** What a server takes on; less of it when its memory runs out. */
export interface Capacity {
  /** Requests worked on at once. */
  slots: number
  /** Tokens of one request; undefined leaves it to the server. */
  context: number | undefined
}

/** How a kind of server is started and what it is called; all else is the same for each kind. */
export interface ServerProgram {
  /** `llama.cpp`, for people and provenance. */
  kind: string
  /** The program and its version, for provenance. */
  program: string
  /** The model's name in requests. */
  modelName: string
  /** The whole command for an address of the loopback interface. */
  command(capacity: Capacity, port: number): [string, ...string[]]
  /** Variables of its environment; the key is one of them, as command lines can be read by every user. */
  environment(apiKey: string): { [name: string]: string }
  /** How long it may take to load its model, in seconds, where the block doesn't say. */
  startSeconds: number
}

/** What making a server's command takes: the block, the model's file or folder, and a Python where one is needed. */
export interface ProgramNeeds {
  name: string
  block: ModelBlock
  file: string
  python(): Promise<PythonTools>
  services: Parameters<LeaseModel>[1] & { log: string }
}
