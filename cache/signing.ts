import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configFolder } from './config-folder.ts'
import { writeFileAtomic } from './durable.ts'
import { asStoreError, isMissing, StoreError } from './store-error.ts'

/** Signs with one private key. */
export interface Signer {
  /** The public key, `ed25519:` and 43 characters of base64url: what others trust, and what `verify` is given. */
  readonly id: string
  /**
   * The signature (base64url). The bytes must begin with the line `queryloom:DOMAIN:VERSION`, as those of
   * `canonicalBytes` do, so that a signature of one kind of thing is none of another; throws a TypeError if not.
   */
  sign(bytes: Uint8Array): string
}

/** A public key and the name that somebody here gave it. */
export interface TrustedKey {
  name: string
  key: string
  /** Whether its private key lies here. */
  own: boolean
}

/** Whose signatures are accepted: the keys that were trusted by name, and one's own. */
export interface TrustList {
  readonly keys: readonly TrustedKey[]
  /** Who signed these bytes, or why that can't be said. */
  verify(
    bytes: Uint8Array,
    signed: { key: string; signature: string },
  ): { signer: string } | { problem: 'unknown-key' | 'bad-signature' }
}

const DEFAULT_NAME = 'default'
/** DER of an ed25519 public key, without its 32 bytes. */
const PUBLIC_HEAD: Buffer = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * Makes a key pair; the private key can be read by its owner alone, and is never printed. Throws a StoreError if there
 * is one of that name: a key that signed something is never overwritten.
 */
export async function newKey(name: string = DEFAULT_NAME, config: string = configFolder()): Promise<TrustedKey> {
  checkName(name)
  const { own, trusted } = folders(config)
  const path = join(own, `${name}.key`)
  if (existsSync(join(trusted, `${name}.pub`))) throw taken(name, path)
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  try {
    mkdirSync(own, { recursive: true, mode: 0o700 })
    chmodSync(own, 0o700)
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx', flush: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw taken(name, path)
    throw asStoreError(error, 'a key', own)
  }
  return { name, key: publicText(publicKey), own: true }
}

/** Accepts signatures of a public key from now on. Throws a StoreError if the key or the name can't be used. */
export async function trustKey(name: string, key: string, config: string = configFolder()): Promise<void> {
  checkName(name)
  if (!publicKeyOf(key)) {
    throw new StoreError(`\`${key}\` is no public key`, {
      problem: 'bad-file',
      advice: 'it has the form ed25519: and 43 letters, digits, - and _, as `queryloom keys list` prints it',
    })
  }
  const { own, trusted } = folders(config)
  const path = join(trusted, `${name}.pub`)
  const before = existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined
  if (before === key) return
  if (before !== undefined || existsSync(join(own, `${name}.key`))) throw taken(name, path)
  try {
    mkdirSync(trusted, { recursive: true, mode: 0o700 })
    await writeFileAtomic(path, `${key}\n`)
  } catch (error) {
    throw asStoreError(error, 'a trusted key', trusted)
  }
}

/** Takes back the trust in a key; false if none was trusted under that name. One's own keys are not touched. */
export function untrustKey(name: string, config: string = configFolder()): boolean {
  checkName(name)
  const path = join(folders(config).trusted, `${name}.pub`)
  if (!existsSync(path)) return false
  rmSync(path)
  return true
}

/**
 * The signer of that name; without a name, the only one there is, or the one called `default`, or undefined where
 * there is none. Throws a StoreError where the choice is not clear or the key can't be used safely.
 */
export function loadSigner(name?: string, config: string = configFolder()): Signer | undefined {
  const { own } = folders(config)
  const names = namesIn(own, '.key')
  if (name !== undefined) checkName(name)
  const chosen = name ?? (names.length === 1 ? names[0] : names.includes(DEFAULT_NAME) ? DEFAULT_NAME : undefined)
  if (chosen === undefined) {
    if (names.length === 0) return undefined
    throw new StoreError(`there are several keys, and none is called ${DEFAULT_NAME}: ${names.join(', ')}`, {
      problem: 'bad-file',
      where: own,
      advice: 'name the one to sign with',
    })
  }
  const key = readPrivate(join(own, `${chosen}.key`), chosen)
  return {
    id: publicText(createPublicKey(key)),
    sign: (bytes) => {
      if (!hasDomain(bytes)) throw new TypeError('what is signed must begin with its domain')
      return sign(null, bytes, key).toString('base64url')
    },
  }
}

/** The keys whose signatures are accepted, as they are now. Files that hold no key are not listed. */
export function loadTrust(config: string = configFolder()): TrustList {
  const { own, trusted } = folders(config)
  const keys: TrustedKey[] = []
  for (const name of namesIn(own, '.key')) {
    keys.push({ name, key: publicText(createPublicKey(readPrivate(join(own, `${name}.key`), name))), own: true })
  }
  for (const name of namesIn(trusted, '.pub')) {
    const key = readFileSync(join(trusted, `${name}.pub`), 'utf8').trim()
    if (publicKeyOf(key)) keys.push({ name, key, own: false })
  }
  return {
    keys,
    verify: (bytes, { key, signature }) => {
      const known = keys.find((candidate) => candidate.key === key)
      const object = publicKeyOf(key)
      if (!object || !hasDomain(bytes) || !isSignature(signature)) return { problem: 'bad-signature' }
      if (!verify(null, bytes, object, Buffer.from(signature, 'base64url'))) return { problem: 'bad-signature' }
      return known ? { signer: known.name } : { problem: 'unknown-key' }
    },
  }
}

/** Whether a text has the form of a public key. */
export function isPublicKey(text: string): boolean {
  return publicKeyOf(text) !== undefined
}

function folders(config: string): { own: string; trusted: string } {
  return { own: join(config, 'keys'), trusted: join(config, 'keys', 'trusted') }
}

function readPrivate(path: string, name: string): KeyObject {
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw new StoreError(`the private key ${name} can be read by others`, {
        problem: 'bad-file',
        where: path,
        advice: `chmod 600 ${path}, and make a new one if others have used this machine`,
      })
    }
    const key = createPrivateKey(readFileSync(path))
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (error) {
    if (error instanceof StoreError) throw error
    if (isMissing(error)) {
      throw new StoreError(`there is no key called ${name}`, {
        problem: 'bad-file',
        where: path,
        advice: `make it with \`queryloom keys new ${name}\`, or see \`queryloom keys list\``,
      })
    }
  }
  throw new StoreError(`the private key ${name} can't be read`, {
    problem: 'bad-file',
    where: path,
    advice: 'restore it from a copy, or make another one',
  })
}

function publicText(key: KeyObject): string {
  return `ed25519:${key.export({ type: 'spki', format: 'der' }).subarray(PUBLIC_HEAD.length).toString('base64url')}`
}

function publicKeyOf(text: string): KeyObject | undefined {
  const encoded = /^ed25519:([A-Za-z0-9_-]{43})$/.exec(text)?.[1]
  if (encoded === undefined) return undefined
  const raw = Buffer.from(encoded, 'base64url')
  // One key has one text: bits beyond the 32 bytes are 0.
  if (raw.length !== 32 || raw.toString('base64url') !== encoded) return undefined
  try {
    return createPublicKey({ key: Buffer.concat([PUBLIC_HEAD, raw]), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

function isSignature(text: string): boolean {
  const raw = Buffer.from(text, 'base64url')
  return raw.length === 64 && raw.toString('base64url') === text
}

function hasDomain(bytes: Uint8Array): boolean {
  return /^queryloom:[a-z-]+:\d+\n/.test(Buffer.from(bytes.subarray(0, 80)).toString('latin1'))
}

function namesIn(folder: string, ending: string): string[] {
  try {
    const names = readdirSync(folder).filter((file) => file.endsWith(ending))
    return names.map((file) => file.slice(0, -ending.length)).sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

function checkName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$/.test(name)) return
  throw new StoreError(`\`${name}\` can't be the name of a key`, {
    problem: 'bad-file',
    advice: 'use up to 63 letters, digits, `_`, `-`, `.` and `@`, beginning with a letter or digit',
  })
}

function taken(name: string, where: string): StoreError {
  return new StoreError(`there is another key called ${name}`, {
    problem: 'bad-file',
    where,
    advice: 'choose another name, or `queryloom keys untrust` it first if it is somebody else’s',
  })
}
