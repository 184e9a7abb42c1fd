import test from 'ava'
import type { ObjectForm } from '../../src/objects/index.ts'
import { ManagedObject } from '../../src/objects/index.ts'
import { decodeObject, encodeObject } from '../../src/operations/object-codec.ts'
import { newestFormat } from '../../src/store/index.ts'
import { symmetricKey, wrappedKey } from '../support/managed-objects.ts'

const forms: [string, ObjectForm][] = [
  ['nothing', {}],
  ['a key in raw form', { keyFormatType: 'Raw' }],
  ['a compressed public key', { keyFormatType: 'TransparentECPublicKey', keyCompressionType: 'ECPublicKeyTypeX9_62CompressedPrime' }],
  [
    'a key that came wrapped',
    {
      keyFormatType: 'Raw',
      keyWrappingData: {
        wrappingMethod: 'Encrypt',
        encryptionKeyInformation: { uniqueIdentifier: 'kek', cryptographicParameters: { blockCipherMode: 'NISTKeyWrap', tagLength: 16 } },
        macSignature: new Uint8Array([1, 2, 3]),
        encodingOption: 'NoEncoding',
      },
      registeredKeyValue: new Uint8Array([9, 8, 7]),
      wrappedInStructure: true,
    },
  ],
  ['a certificate', { certificateType: 'X_509' }],
  ['a certificate request', { certificateRequestType: 'PKCS_10' }],
  ['a password', { keyFormatType: 'Opaque', secretDataType: 'Password' }],
  ['an opaque object of a type of its client’s own', { opaqueDataType: 0x80123456 }],
  ['a PGP key', { keyFormatType: 'Raw', pgpKeyVersion: 4 }],
  [
    'a part of a split key',
    {
      keyFormatType: 'Raw',
      splitKey: {
        parts: 4,
        keyPartIdentifier: 2,
        threshold: 3,
        method: 'XOR',
        primeFieldSize: new Uint8Array(8).fill(1),
      },
    },
  ],
]

/** Bytes as digits, whether they came as Buffer or not; absent fields not at all. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([name, each]) => [name, plain(each)]),
  )
}

for (const [title, form] of forms)
  test(`a record gives back the form of ${title}`, (t) => {
    const { uniqueIdentifier, objectType, attributes } = symmetricKey()
    const object = new ManagedObject({ uniqueIdentifier, objectType, attributes, form, key: wrappedKey, generation: 3, order: 1.7e15 })
    const read = decodeObject('demo', uniqueIdentifier, encodeObject('demo', object, newestFormat))
    t.deepEqual(plain(read.form), plain(form))
    t.deepEqual([...read.attributes].map(plain), [...attributes].map(plain))
    t.deepEqual(plain(read.key), plain(wrappedKey))
    t.is(read.generation, 3)
    t.is(read.order, 1.7e15)
  })

test('a destroyed object has no key in its record', (t) => {
  const object = symmetricKey()
  object.key = undefined
  t.is(decodeObject('demo', object.uniqueIdentifier, encodeObject('demo', object, newestFormat)).key, undefined)
})

test('a record is one tenant’s and one object’s', (t) => {
  const object = symmetricKey()
  const record = encodeObject('demo', object, newestFormat)
  t.throws(() => decodeObject('other', object.uniqueIdentifier, record))
  t.throws(() => decodeObject('demo', 'other', record))
})
