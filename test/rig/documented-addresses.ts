import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fakeHub } from './fake-hub.ts'
import { fakeOpenai, type Reaction, type SeenRequest } from './fake-openai.ts'
import { fakeNvidiaSmi } from './nvidia-smi.ts'
import { noServer, s3Server } from './s3-server.ts'
import { temporaryFolder } from './temporary.ts'

/** The key that the guide on hosted models exports; no other is let in. */
const HOSTED_KEY = 'sk-the-key-that-the-provider-gave-you'

/** What stands in a test at the addresses that documents show. */
export interface Addresses {
  /** A model that answers whoever asks. */
  model: string
  /** The text with the addresses of this machine. */
  local(text: string): string
  /** Variables by which programs find what has no address in a document. */
  environment: { [name: string]: string }
}

/**
 * Starts what documents speak of: models (the hosted one wants its key), a hub, a bucket on a real S3 server if there can be
 * one, folders on disks that others see, and a card.
 */
export async function documentedAddresses(): Promise<Addresses> {
  const model = await fakeOpenai(answer)
  const hosted = await fakeOpenai((request) =>
    request.headers.authorization === `Bearer ${HOSTED_KEY}` ? answer(request) : { status: 401 },
  )
  const hub = await fakeHub({ 'config.json': '{}', 'model.safetensors': 'weights' })
  const disk = temporaryFolder()
  const places: [string, string][] = [
    ['https://api.example.com/v1', hosted.url],
    ['/mnt/lab/queryloom', join(disk, 'lab')],
    ['/scratch/me/queryloom', join(disk, 'scratch')],
  ]
  for (const [, place] of places.slice(1)) mkdirSync(place)
  if (noServer === undefined) {
    const objects = join(disk, 'objects')
    mkdirSync(join(objects, 'experiments'), { recursive: true })
    places.push(['https://objects.example.org', (await s3Server(objects)).endpoint])
    // The only region that the server is in.
    places.push(['eu-central-1', 'us-east-1'])
  }
  return {
    model: model.url,
    local: (text) => places.reduce((all, [there, here]) => all.replaceAll(there, here), text),
    environment: { HF_ENDPOINT: hub.url, PATH: fakeNvidiaSmi([{ uuid: 'GPU-0' }]).path },
  }
}

/** A query that passes filters (words of the passage, not in its order, others for another prompt), or a grade. */
function answer({ text, body }: SeenRequest): Reaction {
  if (/Grade:\s*$/.test(text)) return { answer: String(text.length % 4) }
  const passage = text.split(/Document:|Passage:/).at(-1) ?? ''
  const words = passage.split(/\W+/).filter((word) => word.length > 3)
  const from = (Number(body.seed ?? 0) + text.length - passage.length) % 3
  return { answer: ` ${[5, 1, 7, 3].map((at) => words[from + at] ?? 'word').join(' ')}` }
}
