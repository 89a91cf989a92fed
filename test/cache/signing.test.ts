import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { canonicalBytes } from '../../cache/canonical.ts'
import { isPublicKey, loadSigner, loadTrust, newKey, trustKey, untrustKey } from '../../cache/signing.ts'
import { temporaryFolder } from '../rig/temporary.ts'

const bytes = canonicalBytes('thing', { a: 1 })

test('what a trusted key signed is accepted under the name it was given, until the trust is taken back', async () => {
  const [mine, yours] = [temporaryFolder(), temporaryFolder()]
  const { key } = await newKey('anna', mine)
  const signer = loadSigner('anna', mine)
  const signed = { key, signature: signer?.sign(bytes) ?? '' }
  expect(signer?.id).toBe(key)
  expect(loadTrust(yours).verify(bytes, signed)).toEqual({ problem: 'unknown-key' })
  await trustKey('anna-of-lab', key, yours)
  expect(loadTrust(yours).verify(bytes, signed)).toEqual({ signer: 'anna-of-lab' })
  expect(loadTrust(mine).verify(bytes, signed)).toEqual({ signer: 'anna' })
  expect(untrustKey('anna-of-lab', yours)).toBe(true)
  expect(untrustKey('anna-of-lab', yours)).toBe(false)
  expect(loadTrust(yours).verify(bytes, signed)).toEqual({ problem: 'unknown-key' })
})

test('a signature holds for its bytes, its key and its domain alone', async () => {
  const config = temporaryFolder()
  const { key } = await newKey('a', config)
  const other = await newKey('b', config)
  const signature = loadSigner('a', config)?.sign(bytes) ?? ''
  const trust = loadTrust(config)
  const bad = { problem: 'bad-signature' }
  expect(trust.verify(canonicalBytes('thing', { a: 2 }), { key, signature })).toEqual(bad)
  expect(trust.verify(canonicalBytes('other', { a: 1 }), { key, signature })).toEqual(bad)
  expect(trust.verify(bytes, { key: other.key, signature })).toEqual(bad)
  expect(trust.verify(bytes, { key, signature: `${signature}=` })).toEqual(bad)
  expect(trust.verify(bytes, { key: 'ed25519:short', signature })).toEqual(bad)
  expect(trust.verify(bytes, { key, signature: '' })).toEqual(bad)
  expect(() => loadSigner('a', config)?.sign(Buffer.from('no domain'))).toThrow(TypeError)
})

test('a private key is readable by its owner alone, and one that others can read is refused', async () => {
  const config = temporaryFolder()
  await newKey('a', config)
  const path = join(config, 'keys', 'a.key')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  chmodSync(path, 0o644)
  expect(() => loadSigner('a', config)).toThrow('can be read by others')
})

test('without a name the only key signs, or the default one, and none is none', async () => {
  const config = temporaryFolder()
  expect(loadSigner(undefined, config)).toBeUndefined()
  const first = await newKey('first', config)
  expect(loadSigner(undefined, config)?.id).toBe(first.key)
  await newKey('second', config)
  expect(() => loadSigner(undefined, config)).toThrow('several keys')
  const standard = await newKey(undefined, config)
  expect(loadSigner(undefined, config)?.id).toBe(standard.key)
  expect(() => loadSigner('third', config)).toThrow('no key called third')
})

test('no key is ever overwritten, and a name means one key', async () => {
  const config = temporaryFolder()
  const { key } = await newKey('a', config)
  const before = readFileSync(join(config, 'keys', 'a.key'))
  await expect(newKey('a', config)).rejects.toThrow('another key called a')
  expect(readFileSync(join(config, 'keys', 'a.key'))).toEqual(before)
  await trustKey('b', key, config)
  await trustKey('b', key, config)
  const other = await newKey('c', temporaryFolder())
  await expect(trustKey('b', other.key, config)).rejects.toThrow('another key called b')
  await expect(newKey('b', config)).rejects.toThrow('another key called b')
})

test.each(['', '../a', 'a/b', '.hidden', 'a\nb', 'x'.repeat(64)])('%j is no name of a key', async (name) => {
  await expect(newKey(name, temporaryFolder())).rejects.toThrow('name of a key')
})

test('what is no public key is refused', async () => {
  for (const text of ['', 'ed25519:', `ed25519:${'A'.repeat(42)}B`, `rsa:${'A'.repeat(43)}`, 'ed25519:=='])
    expect(isPublicKey(text), text).toBe(false)
  await expect(trustKey('a', 'ed25519:nonsense', temporaryFolder())).rejects.toThrow('no public key')
})
