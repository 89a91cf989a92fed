import type { Json } from '../../stages/define.ts'
import { asMap } from '../parse/json.ts'

/** What a member of `models:` is, told by what it is written with. */
export function modelKind(block: Json | undefined): 'llm' | 'encoder' | 'cross-encoder' {
  const { encoder, cross_encoder: crossEncoder } = asMap(block)
  return encoder !== undefined ? 'encoder' : crossEncoder !== undefined ? 'cross-encoder' : 'llm'
}
