import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { KmipError } from '../../spec/kmip-error.ts'
import { protectionOf } from '../../src/admin/partition-protection.ts'
import { Secret } from '../../src/objects/secret.ts'
import { addEpoch, createSoftwarePartition, dropEpochs, needsEpochSecrets, openSoftwarePartition } from '../../src/partitions/index.ts'
import { epochSecretId, newEpochSecret } from '../../src/partitions/software/epoch-secret.ts'
import { newKeyRing, openKeyRing, readKeyRing, sealKeyRing } from '../../src/partitions/software/key-ring.ts'

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

test('a KEK that needs an epoch secret is gone with it; the other one, and the integrity key, are not', (t) => {
  const secrets = new Map([1, 2].map((epoch) => [epoch, newEpochSecret()] as const))
  const secretOf = (epoch: number, id: string) => {
    const secret = secrets.get(epoch)
    return secret !== undefined && epochSecretId(secret) === id ? secret : undefined
  }
  const ring = newKeyRing()
  const two = { ...ring, epoch: 2, keks: new Map([...ring.keks, [2, randomBytes(32)]]) }
  const sealed = sealKeyRing(two, 'demo', rootSecret, secrets)
  t.deepEqual(openKeyRing(sealed, 'demo', rootSecret, secretOf).keks, two.keks)
  t.deepEqual(
    readKeyRing(sealed, 'demo').epochs.map(({ epoch, secretId }) => [epoch, secretId]),
    [...secrets].map(([epoch, secret]) => [epoch, epochSecretId(secret)]),
  )
  const turned = sealKeyRing({ ...two, keks: new Map([[2, two.keks.get(2)!]]) }, 'demo', rootSecret, secrets)
  secrets.delete(1)
  t.throws(() => openKeyRing(sealed, 'demo', rootSecret, secretOf), {
    message: /The secret of epoch 1 of partition demo is not on this node/,
  })
  t.deepEqual(Buffer.from(openKeyRing(turned, 'demo', rootSecret, secretOf).integrityKey), Buffer.from(ring.integrityKey))
  // Another secret under its name is no help.
  t.throws(() => openKeyRing(sealed, 'demo', rootSecret, (epoch) => secrets.get(epoch) ?? newEpochSecret()), {
    message: /does not open with this root secret/,
  })
})

/** Made by the first form: epoch 1, the integrity key all 0x11, the KEK all 0x22, under the root secret of these tests and the name demo. */
function firstForm(): Buffer {
  const salt = Buffer.alloc(32, 5)
  const head = Buffer.concat([Buffer.of(1), salt])
  const key = Buffer.from(hkdfSync('sha256', rootSecret.expose(), head, 'tresor key ring', 32))
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12))
  cipher.setAAD(Buffer.concat([head, Buffer.from('demo')]))
  const plain = Buffer.concat([
    Buffer.from('00000001', 'hex'),
    Buffer.alloc(32, 0x11),
    Buffer.from('00000001', 'hex'),
    Buffer.alloc(32, 0x22),
  ])
  return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

test('a ring from before there were epoch secrets opens', (t) => {
  const ring = openKeyRing(firstForm(), 'demo', rootSecret)
  t.deepEqual(
    [ring.epoch, Buffer.from(ring.integrityKey), Buffer.from(ring.keks.get(1)!)],
    [1, Buffer.alloc(32, 0x11), Buffer.alloc(32, 0x22)],
  )
})

test('a ring from before there were epoch secrets opens with the root secret alone, and is told apart until its first turn is over', (t) => {
  const options = { name: 'demo', rootSecret }
  const secret = newEpochSecret()
  const epochSecretOf = () => secret
  const old = firstForm()
  const turning = addEpoch({ ...options, ring: old, epochSecretOf }, 2, secret)
  const turned = dropEpochs({ ...options, ring: turning, epochSecretOf })
  t.deepEqual(
    [old, turning, turned].map((ring) => needsEpochSecrets(ring, 'demo')),
    [false, false, true],
  )
  // What the turn cannot change: an old copy needs no more than the root secret.
  t.notThrows(() => openKeyRing(old, 'demo', rootSecret))
  const definition = (ring: Uint8Array) => ({ kind: 'software', name: 'demo', ring: Buffer.from(ring).toString('base64') }) as const
  const said = (ring: Uint8Array) => protectionOf(definition(ring), { kind: 'keyFile', path: 'root.key' }, {})
  t.regex(said(old).keysLie, /under the root secret alone/)
  t.regex(said(old).protects[0] ?? '', /FROM BEFORE THE FIRST EPOCH TURN STAYS OPEN/)
  t.notRegex(JSON.stringify(said(turned)), /STAYS OPEN|alone: they were made/)
})
