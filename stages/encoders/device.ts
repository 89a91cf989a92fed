import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Problem } from '../define.ts'

/** Where a graph is computed: on the processor, or on the card of this number. */
export type Device = { kind: 'cpu' } | { kind: 'cuda'; card: number }

/** What a pipeline can ask for. `auto`: a card that was lent to the stage, where onnxruntime can use it, else the CPU. */
export const DEVICES = ['auto', 'cpu', 'cuda'] as const

export type AskedDevice = (typeof DEVICES)[number]

/** Whether this installation of onnxruntime-node has what CUDA needs; the package itself comes without it. */
function hasCuda(): boolean {
  const package_ = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  const { platform, arch } = process
  return existsSync(join(package_, 'bin', 'napi-v6', platform, arch, 'libonnxruntime_providers_cuda.so'))
}

/** The device to use, and whether the CPU will do where it fails. */
export function chooseDevice(asked: AskedDevice, cards: readonly number[]): { device: Device; mayFallBack: boolean } {
  if (asked === 'cuda') return { device: { kind: 'cuda', card: cards[0] ?? 0 }, mayFallBack: false }
  const [card] = cards
  if (asked === 'cpu' || card === undefined || !hasCuda()) return { device: { kind: 'cpu' }, mayFallBack: false }
  return { device: { kind: 'cuda', card }, mayFallBack: true }
}

/** Texts worth giving at once. A processor is busy with few; a card wants many. */
export const BLOCKS: { readonly [device in Device['kind']]: number } = { cpu: 512, cuda: 4096 }

/** What every block that an encoder with these cards is given fits into, wherever its graph is computed. */
export function blockOf(cards: readonly number[]): number {
  return BLOCKS[cards.length > 0 ? 'cuda' : 'cpu']
}

/** What keeps this machine from giving what was asked for. */
export function deviceProblem(asked: AskedDevice): Problem | undefined {
  if (asked !== 'cuda' || hasCuda()) return undefined
  return {
    at: 'device',
    message: 'onnxruntime-node has no CUDA provider on this machine',
    advice:
      'Its install script brings it where the network allows: `npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12`. Or use `device: auto`.',
  }
}
