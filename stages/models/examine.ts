import { keepSecret } from '../../engine/util/secrets.ts'
import type { Json } from '../define.ts'
import type { Finding } from '../finding.ts'
import { onPath } from '../python/find-python.ts'
import type { ModelBlock } from './block.ts'
import { probe } from './probe.ts'

/** Whether what a model's block names is there: its key, its endpoint, its server program. Nothing is spent or started. */
export async function examineModel(name: string, json: Json, signal: AbortSignal): Promise<readonly Finding[]> {
  const block = json as ModelBlock
  const title = `model ${name}`
  if (block.endpoint !== undefined) return [await examineEndpoint(title, block, signal)]
  const program = block.binary ?? (block.serve === 'vllm' ? 'vllm' : undefined)
  if (program === undefined) return []
  const path = program.includes('/') ? program : onPath(program)
  if (path !== undefined) return [{ name: title, status: 'ok', message: `is served by ${path}` }]
  const advice =
    block.binary === undefined
      ? 'Install vLLM as its documentation says for your cards, or give its path as `binary`.'
      : 'Give the path of the program as `binary`, or leave it out.'
  return [{ name: title, status: 'error', message: `its server \`${program}\` is not on the PATH`, advice }]
}

async function examineEndpoint(name: string, block: ModelBlock, signal: AbortSignal): Promise<Finding> {
  const { api_key_env: variable, endpoint = '' } = block
  const apiKey = variable === undefined ? '' : (process.env[variable] ?? '').trim()
  keepSecret(apiKey)
  if (variable !== undefined && apiKey === '')
    return {
      name,
      status: 'error',
      message: `its key is looked for in ${variable}, which is not set`,
      advice: `Set it, e.g. \`export ${variable}=…\`; the key is never stored.`,
    }
  const address = endpoint.replace(/\/+$/, '')
  // A list of models is free everywhere; servers without one answer too.
  const status = await probe(`${address}/models`, { apiKey, signal })
  if (status === undefined)
    return {
      name,
      status: 'error',
      message: `${address} does not answer`,
      advice: 'Check `endpoint`, the network, and that the server runs.',
    }
  if (status === 401 || status === 403)
    return {
      name,
      status: 'error',
      message: `${address} refuses ${variable === undefined ? 'requests without a key' : `the key in ${variable}`} (${status})`,
      advice: variable === undefined ? 'Name the variable with the key as `api_key_env`.' : 'Set a key that is valid.',
    }
  if (status >= 500)
    return { name, status: 'warning', message: `${address} answers with ${status}`, advice: 'Try again later.' }
  return { name, status: 'ok', message: `${address} answers` }
}
