import { createHash } from 'node:crypto'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import type { CompletedPart, Part, S3Client } from '@aws-sdk/client-s3'
import { type Remote, RemoteError, type RemoteSource } from './remote.ts'
import { s3Error, statusOf } from './remote-s3-error.ts'

/** Where objects lie at a service that speaks S3. Credentials come from where the AWS tools look for them. */
export interface S3Place {
  bucket: string
  /** In front of every name, without a slash at either end; may be empty. */
  prefix: string
  endpoint?: string
  region?: string
  pathStyle: boolean
  profile?: string
  /** What this machine's clock is wrong by, in milliseconds; for tests. */
  clockOffsetMs?: number
}

/** Objects up to this size are sent at once, larger ones in parts of at least this size. */
const PART_BYTES = 16 << 20
const MOST_PARTS = 9000
const PARTS_AT_ONCE = 4

type Sdk = typeof import('@aws-sdk/client-s3')

/** A remote in a bucket; the SDK is loaded with the first call. */
export function s3Remote(place: S3Place): Remote {
  return new S3Remote(place)
}

class S3Remote implements Remote {
  readonly #place: S3Place
  #loaded: Promise<{ sdk: Sdk; client: S3Client }> | undefined

  constructor(place: S3Place) {
    this.#place = place
  }

  async size(name: string, signal: AbortSignal): Promise<number | undefined> {
    const { sdk, client } = await this.#load()
    try {
      const head = await client.send(new sdk.HeadObjectCommand(this.#at(name)), { abortSignal: signal })
      return head.ContentLength ?? 0
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw this.#told(error, signal)
    }
  }

  async read(name: string, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { sdk, client } = await this.#load()
    const range = from > 0 ? { Range: `bytes=${from}-` } : {}
    try {
      const got = await client.send(new sdk.GetObjectCommand({ ...this.#at(name), ...range }), { abortSignal: signal })
      return this.#pieces(got.Body as AsyncIterable<Uint8Array> & { destroy(): void }, signal)
    } catch (error) {
      if (statusOf(error) === 416) return nothing()
      if (statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket') return undefined
      throw this.#told(error, signal)
    }
  }

  async put(
    name: string,
    source: RemoteSource,
    options: { signal: AbortSignal; replace?: boolean; onProgress?: () => void },
  ): Promise<'stored' | 'there'> {
    const condition = options.replace ? {} : { IfNoneMatch: '*' }
    try {
      if (source instanceof Uint8Array) await this.#putBytes(name, source, condition, options.signal)
      else if (source.size <= PART_BYTES)
        await this.#putBytes(name, await readFile(source.path), condition, options.signal)
      else await this.#putParts(name, source, condition, options)
      return 'stored'
    } catch (error) {
      if (statusOf(error) === 412) return 'there'
      throw this.#told(error, options.signal)
    }
  }

  async list(prefix: string, signal: AbortSignal): Promise<string[]> {
    const { sdk, client } = await this.#load()
    const { Bucket, Key: Prefix } = this.#at(prefix)
    const names: string[] = []
    let next: string | undefined
    try {
      do {
        const page = await client.send(
          new sdk.ListObjectsV2Command({ Bucket, Prefix, ...(next === undefined ? {} : { ContinuationToken: next }) }),
          { abortSignal: signal },
        )
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) names.push(Key.slice(this.#lead.length))
        next = page.IsTruncated ? page.NextContinuationToken : undefined
      } while (next !== undefined)
    } catch (error) {
      throw this.#told(error, signal)
    }
    return names.sort()
  }

  close(): void {
    void this.#loaded?.then(
      ({ client }) => client.destroy(),
      () => {},
    )
  }

  get #lead(): string {
    return this.#place.prefix === '' ? '' : `${this.#place.prefix}/`
  }

  #at(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.#place.bucket, Key: this.#lead + name }
  }

  #told(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason
    return error instanceof RemoteError ? error : s3Error(error, this.#place)
  }

  async *#pieces(
    body: AsyncIterable<Uint8Array> & { destroy(): void },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const onAbort = (): void => body.destroy()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      for await (const piece of body) yield piece
      signal.throwIfAborted()
    } catch (error) {
      throw this.#told(error, signal)
    } finally {
      signal.removeEventListener('abort', onAbort)
      body.destroy()
    }
  }

  async #putBytes(name: string, bytes: Uint8Array, condition: object, signal: AbortSignal): Promise<void> {
    const { sdk, client } = await this.#load()
    // Services that know no such checksum ignore it; the others refuse what was damaged on its way.
    const checksum = createHash('sha256').update(bytes).digest('base64')
    const request = { ...this.#at(name), ...condition, Body: bytes, ChecksumSHA256: checksum }
    await client.send(new sdk.PutObjectCommand(request), { abortSignal: signal })
  }

  // The service itself remembers which parts of an upload that was cut short are there.
  async #putParts(
    name: string,
    source: { path: string; size: number },
    condition: object,
    { signal, onProgress }: { signal: AbortSignal; onProgress?: () => void },
  ): Promise<void> {
    const { sdk, client } = await this.#load()
    const send = { abortSignal: signal }
    const at = this.#at(name)
    const known = await this.#unfinished(name, signal)
    const UploadId = known?.id ?? (await client.send(new sdk.CreateMultipartUploadCommand(at), send)).UploadId
    const partBytes = Math.max(PART_BYTES, Math.ceil(source.size / MOST_PARTS))
    const numbers = Array.from({ length: Math.ceil(source.size / partBytes) }, (_, index) => index + 1).values()
    const parts: CompletedPart[] = []
    const file = await open(source.path, 'r')
    const worker = async (): Promise<void> => {
      for (const PartNumber of numbers) {
        const Body = await pieceOf(file, (PartNumber - 1) * partBytes, partBytes)
        let ETag = unchanged(known?.parts.get(PartNumber), Body)
        if (ETag === undefined) {
          const sent = await client.send(new sdk.UploadPartCommand({ ...at, UploadId, PartNumber, Body }), send)
          ETag = sent.ETag
        }
        parts.push({ PartNumber, ETag })
        onProgress?.()
      }
    }
    try {
      await Promise.all(Array.from({ length: PARTS_AT_ONCE }, worker))
    } finally {
      await file.close()
    }
    parts.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
    const complete = { ...at, ...condition, UploadId, MultipartUpload: { Parts: parts } }
    await client.send(new sdk.CompleteMultipartUploadCommand(complete), send)
  }

  async #unfinished(
    name: string,
    signal: AbortSignal,
  ): Promise<{ id: string; parts: ReadonlyMap<number, Part> } | undefined> {
    const { sdk, client } = await this.#load()
    const at = this.#at(name)
    const send = { abortSignal: signal }
    try {
      const page = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket: at.Bucket, Prefix: at.Key }), send)
      const id = page.Uploads?.find(({ Key }) => Key === at.Key)?.UploadId
      if (id === undefined) return undefined
      const parts = new Map<number, Part>()
      for (let marker: string | undefined, more = true; more; ) {
        const request = { ...at, UploadId: id, ...(marker === undefined ? {} : { PartNumberMarker: marker }) }
        const listed = await client.send(new sdk.ListPartsCommand(request), send)
        for (const part of listed.Parts ?? []) if (part.PartNumber !== undefined) parts.set(part.PartNumber, part)
        marker = listed.NextPartNumberMarker
        more = listed.IsTruncated === true && marker !== undefined
      }
      return { id, parts }
    } catch (error) {
      signal.throwIfAborted()
      // A service that can't tell is sent everything.
      if (s3Error(error, this.#place).problem === 'unreachable') throw error
      return undefined
    }
  }

  #load(): Promise<{ sdk: Sdk; client: S3Client }> {
    // Which Node it runs on is nothing that somebody who fetches a result could change.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
    this.#loaded ??= import('@aws-sdk/client-s3').then((sdk) => ({ sdk, client: clientOf(sdk, this.#place) }))
    return this.#loaded
  }
}

function clientOf(sdk: Sdk, { endpoint, region, pathStyle, profile, clockOffsetMs }: S3Place): S3Client {
  return new sdk.S3Client({
    region: region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? 'us-east-1',
    forcePathStyle: pathStyle,
    // Retries are those of `patientRemote`, which counts the time of all of them.
    maxAttempts: 1,
    // Checksums that the SDK adds of its own accord are refused by many compatible services.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
    ...(clockOffsetMs === undefined ? {} : { systemClockOffset: clockOffsetMs }),
  })
}

async function pieceOf(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  while (at < length) {
    const { bytesRead } = await file.read(bytes, at, length - at, from + at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}

/** The tag of a part that is there with just these bytes; where tags are no MD5 it is sent again. */
function unchanged(part: Part | undefined, bytes: Buffer): string | undefined {
  if (part?.Size !== bytes.length) return undefined
  const md5 = createHash('md5').update(bytes).digest('hex')
  return part.ETag?.replaceAll('"', '') === md5 ? part.ETag : undefined
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
