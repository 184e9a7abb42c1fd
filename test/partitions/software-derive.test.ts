import { randomBytes } from 'node:crypto'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { Secret } from '../../src/objects/secret.ts'
import { createSoftwarePartition, openSoftwarePartition } from '../../src/partitions/index.ts'

const sensitive = { sensitive: true, extractable: true } as const

for (const [title, mechanism, length, says] of [
  [
    'PBKDF2 whose iterations are too many for the length of its output',
    { derive: 'PBKDF2', hash: 'SHA_1', salt: randomBytes(8), iterations: 10_000_000 },
    168,
    /for a key of this length 20000000 iterations, and 10000000 are the most/,
  ],
  [
    'HKDF with more data than node:crypto takes',
    { derive: 'HKDF', hash: 'SHA_256', salt: randomBytes(8), data: randomBytes(1025) },
    256,
    /takes 1024 bytes of Derivation Data at most here, not 1025/,
  ],
] as const)
  test(`no key is derived by ${title}`, async (t) => {
    const rootSecret = new Secret(randomBytes(32))
    const { ring } = createSoftwarePartition({ name: 'demo', rootSecret })
    const partition = openSoftwarePartition({ name: 'demo', rootSecret, ring })
    const base = { handle: 'base', key: await partition.generateKey({ algorithm: 'AES', length: 256 }, sensitive) }
    const error = await t.throwsAsync(partition.deriveKey(base, mechanism, { algorithm: 'HMAC_SHA1', length }, sensitive), {
      instanceOf: KmipError,
    })
    t.is(error?.reason, 'InvalidField')
    t.regex(error?.message ?? '', says)
  })
