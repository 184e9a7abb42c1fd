import { randomBytes } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { KmipError } from '../../spec/kmip-error.ts'
import { Secret } from '../../src/objects/secret.ts'
import { createSoftwarePartition, openSoftwarePartition } from '../../src/partitions/index.ts'
import { newKeyRing, openKeyRing, sealKeyRing } from '../../src/partitions/software/key-ring.ts'

const rootSecret = new Secret(Buffer.alloc(32, 7))

test('a ring holds two epochs, and gives back what it was given', (t) => {
  const one = newKeyRing()
  const two = { ...one, epoch: 2, keks: new Map([...one.keks, [2, randomBytes(32)]]) }
  for (const ring of [one, two]) {
    const opened = openKeyRing(sealKeyRing(ring, 'demo', rootSecret), 'demo', rootSecret)
    t.is(opened.epoch, ring.epoch)
    t.deepEqual(
      [...opened.keks].map(([epoch, kek]) => [epoch, Buffer.from(kek)]),
      [...ring.keks].map(([epoch, kek]) => [epoch, Buffer.from(kek)]),
    )
    t.deepEqual(Buffer.from(opened.integrityKey), Buffer.from(ring.integrityKey))
  }
})

test('keys of the epoch before are used, new ones are of the current epoch', async (t) => {
  const ring = newKeyRing()
  const options = { name: 'demo', rootSecret }
  const before = openSoftwarePartition({ ...options, ring: sealKeyRing(ring, 'demo', rootSecret) })
  const old = await before.generateKey({ algorithm: 'AES', length: 128 }, { sensitive: false, extractable: true })
  const turned = sealKeyRing(
    {
      ...newKeyRing(),
      epoch: 2,
      keks: new Map([...openKeyRing(sealKeyRing(ring, 'demo', rootSecret), 'demo', rootSecret).keks, [2, randomBytes(32)]]),
    },
    'demo',
    rootSecret,
  )
  const after = openSoftwarePartition({ ...options, ring: turned })
  t.is((await after.reveal({ handle: 'a', key: old })).value.length, 16)
  t.is((await after.generateKey({ algorithm: 'AES', length: 128 }, { sensitive: false, extractable: true })).epoch, 2)
})

test('a ring opens under its own name and root secret only', (t) => {
  const { ring } = createSoftwarePartition({ name: 'demo', rootSecret })
  t.notThrows(() => openKeyRing(ring, 'demo', rootSecret))
  t.throws(() => openKeyRing(ring, 'other', rootSecret), { instanceOf: KmipError, message: /does not open with this root secret/ })
  t.throws(() => openKeyRing(ring, 'demo', new Secret(randomBytes(32))), { instanceOf: KmipError })
  t.throws(() => openKeyRing(ring, 'demo', new Secret(randomBytes(16))), { message: /A root secret has 32 bytes/ })
})

test('a ring altered in any byte, or cut, does not open', (t) => {
  const { ring } = createSoftwarePartition({ name: 'demo', rootSecret })
  const position = fc.integer({ min: 0, max: ring.length - 1 })
  fc.assert(
    fc.property(position, fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const altered = Buffer.from(ring)
      altered[at]! ^= mask
      t.throws(() => openKeyRing(altered, 'demo', rootSecret), { instanceOf: KmipError })
    }),
  )
  fc.assert(
    fc.property(position, (end) => void t.throws(() => openKeyRing(ring.subarray(0, end), 'demo', rootSecret), { instanceOf: KmipError })),
  )
})
