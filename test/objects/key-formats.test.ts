import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { KmipError } from '../../spec/kmip-error.ts'
import type { KeyMaterial } from '../../spec/values.ts'
import {
  type ClaimedType,
  defaultFormat,
  fromPlain,
  type KeyFormat,
  type KeyObjectType,
  toPlain,
} from '../../src/objects/key-formats/index.ts'
import type { AlgorithmName } from '../../src/objects/wrapped-key.ts'

const der = { format: 'der' } as const

const pairs: readonly (readonly [
  string,
  AlgorithmName,
  { privateKey: KeyObject; publicKey: KeyObject },
  readonly KeyFormat[],
  readonly KeyFormat[],
])[] = [
  [
    'RSA',
    'RSA',
    generateKeyPairSync('rsa', { modulusLength: 1024 }),
    ['PKCS_8', 'PKCS_1', 'TransparentRSAPrivateKey'],
    ['X_509', 'PKCS_1', 'TransparentRSAPublicKey'],
  ],
  ...(['prime256v1', 'secp521r1', 'secp256k1', 'brainpoolP256r1', 'sect283k1'] as const).map(
    (namedCurve) =>
      [
        namedCurve,
        'EC',
        generateKeyPairSync('ec', { namedCurve }),
        ['PKCS_8', 'ECPrivateKey', 'TransparentECPrivateKey', 'TransparentECDSAPrivateKey', 'TransparentECDHPrivateKey'],
        ['X_509', 'TransparentECPublicKey', 'TransparentECDSAPublicKey', 'TransparentECDHPublicKey'],
      ] as const,
  ),
  ['Ed25519', 'Ed25519', generateKeyPairSync('ed25519'), ['PKCS_8', 'Raw'], ['X_509', 'Raw']],
  ['Ed448', 'Ed448', generateKeyPairSync('ed448'), ['PKCS_8', 'Raw'], ['X_509', 'Raw']],
]

for (const [name, algorithm, { privateKey, publicKey }, privateFormats, publicFormats] of pairs) {
  const sides = [
    ['PrivateKey', privateFormats, privateKey.export({ ...der, type: 'pkcs8' })],
    ['PublicKey', publicFormats, publicKey.export({ ...der, type: 'spki' })],
  ] as const
  for (const [objectType, formats, bytes] of sides) {
    for (const format of formats) {
      test(`${name} ${objectType}: ${format} and back`, (t) => {
        const whole = toPlain(objectType, { format: formats[0]!, material: bytes }, { algorithm })
        t.deepEqual(Buffer.from(whole.bytes), bytes)
        const material = fromPlain(whole, format, formats[0]!)
        const again = toPlain(objectType, { format, material }, { algorithm, length: whole.type?.length })
        t.deepEqual(Buffer.from(again.bytes), bytes)
        t.deepEqual(again.type, whole.type)
        t.is(again.kind, objectType === 'PrivateKey' ? 'private' : 'public')
      })
    }
  }
}

const rsa = pairs[0]![2].privateKey
const transparent = fromPlain(
  { kind: 'private', type: { algorithm: 'RSA', length: 1024 }, bytes: rsa.export({ ...der, type: 'pkcs8' }) },
  'TransparentRSAPrivateKey',
  'PKCS_8',
) as Extract<KeyMaterial, { format: 'TransparentRSAPrivateKey' }>

for (const [what, left] of [
  ['primes and both exponents', ['modulus', 'publicExponent', 'privateExponent', 'p', 'q']],
  ['primes and the public exponent', ['modulus', 'publicExponent', 'p', 'q']],
] as const) {
  test(`a transparent RSA private key with ${what} is completed`, (t) => {
    const material = {
      format: 'TransparentRSAPrivateKey',
      ...Object.fromEntries(left.map((field) => [field, transparent[field]])),
    } as KeyMaterial
    const { bytes } = toPlain('PrivateKey', { format: 'TransparentRSAPrivateKey', material }, {})
    const key = fromPlain({ kind: 'private', type: undefined, bytes }, 'TransparentRSAPrivateKey', 'PKCS_8') as typeof transparent
    t.deepEqual(key.p, transparent.p)
    t.deepEqual(key.crtCoefficient, transparent.crtCoefficient)
    if (what === 'primes and both exponents') t.deepEqual(key, transparent)
  })
}

test('Big Integers are whole multiples of 8 bytes and not negative', (t) => {
  for (const value of Object.values(transparent)) {
    if (typeof value === 'string' || value === undefined) continue
    t.is(value.length % 8, 0)
    t.true(value[0]! < 0x80)
  }
})

const p256 = pairs[1]![2].publicKey.export({ ...der, type: 'spki' })
const k283 = pairs[5]![2].publicKey.export({ ...der, type: 'spki' })

test('points are compressed on demand, and understood in every form', (t) => {
  const plain = toPlain('PublicKey', { format: 'X_509', material: p256 }, {})
  for (const [compression, first] of [
    ['ECPublicKeyTypeX9_62CompressedPrime', [2, 3]],
    ['ECPublicKeyTypeX9_62Hybrid', [6, 7]],
    ['ECPublicKeyTypeUncompressed', [4]],
  ] as const) {
    const material = fromPlain(plain, 'TransparentECPublicKey', 'X_509', compression)
    if (material instanceof Uint8Array || material.format !== 'TransparentECPublicKey') return t.fail()
    t.true((first as readonly number[]).includes(material.qString[0]!))
    t.deepEqual(toPlain('PublicKey', { format: 'TransparentECPublicKey', material, compression }, {}), plain)
    const spki = fromPlain(plain, 'X_509', 'X_509', compression)
    t.deepEqual(toPlain('PublicKey', { format: 'X_509', material: spki, compression }, {}), plain)
  }
})

const aes = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const encryptedPkcs8 = rsa.export({ ...der, type: 'pkcs8', cipher: 'aes-128-cbc', passphrase: 'x' })
const dsa = {
  format: 'TransparentDSAPublicKey',
  p: Buffer.from('0000000000000000fca682ce8e12caba', 'hex'),
  q: Buffer.from('00000000962eddcc', 'hex'),
  g: Buffer.from('678471b27a9cf44e', 'hex'),
  y: Buffer.from('0000000000000000b3cb74d988dea716', 'hex'),
} as const
const dh = { format: 'TransparentDHPrivateKey', p: dsa.p, g: dsa.g, x: dsa.q } as const

/** Kept and given back as it came; any other format is refused. */
for (const [what, objectType, format, material] of [
  ['encrypted PKCS #8', 'PrivateKey', 'PKCS_8', encryptedPkcs8],
  ['an opaque private key', 'PrivateKey', 'Opaque', aes],
  ['a raw private key of no known layout', 'PrivateKey', 'Raw', aes],
  ['DSA', 'PublicKey', 'TransparentDSAPublicKey', dsa],
  ['DH without Q and J', 'PrivateKey', 'TransparentDHPrivateKey', dh],
  ['a password', 'SecretData', 'Raw', aes],
  ['a PGP key', 'PGPKey', 'Raw', aes],
  ['a part of a split key', 'SplitKey', 'Raw', aes],
] as const) {
  test(`keeps ${what}`, (t) => {
    const plain = toPlain(objectType, { format, material }, {})
    t.is(plain.kind, 'data')
    t.deepEqual(fromPlain(plain, format, format), material)
    t.is(t.throws<KmipError>(() => fromPlain(plain, 'X_509', format)).reason, 'KeyFormatTypeNotSupported')
  })
}

for (const [algorithm, bytes, length, found] of [
  ['AES', 16, undefined, 128],
  ['AES', 32, 256, 256],
  ['DES3', 24, 168, 168],
  ['DES3', 24, 192, 192],
  ['DES3', 24, undefined, 168],
  ['DES3', 16, 112, 112],
  ['HMAC_SHA256', 20, undefined, 160],
  ['Blowfish', 7, 56, 56],
] as const) {
  test(`${algorithm} of ${bytes} bytes, said to have ${length} bits`, (t) => {
    const plain = toPlain('SymmetricKey', { format: 'Raw', material: new Uint8Array(bytes) }, { algorithm, length })
    t.deepEqual(plain.type, { algorithm, length: found })
    t.deepEqual(fromPlain(plain, 'TransparentSymmetricKey', 'Raw'), { format: 'TransparentSymmetricKey', key: plain.bytes })
  })
}

const refusals: readonly (readonly [string, KeyObjectType, KeyFormat, KeyMaterial, ClaimedType, KmipError['reason'], string])[] = [
  [
    'a length that is not the key’s',
    'SymmetricKey',
    'Raw',
    aes,
    { algorithm: 'AES', length: 256 },
    'InvalidField',
    'The Cryptographic Length says 256 bits, but the AES key has 16 bytes: 128 bits.',
  ],
  [
    'an AES key of 15 bytes',
    'SymmetricKey',
    'Raw',
    aes.subarray(1),
    { algorithm: 'AES' },
    'InvalidField',
    'An AES key has 16, 24, 32, 64 bytes, not 15.',
  ],
  [
    'no algorithm',
    'SymmetricKey',
    'Raw',
    aes,
    {},
    'InvalidField',
    'The Cryptographic Algorithm is missing, both in the Key Block and among the attributes.',
  ],
  [
    'a symmetric key as PKCS #1',
    'SymmetricKey',
    'PKCS_1',
    aes,
    { algorithm: 'AES' },
    'KeyFormatTypeNotSupported',
    'A symmetric key cannot be given as PKCS_1. It can as Raw and TransparentSymmetricKey.',
  ],
  [
    'an RSA key said to be EC',
    'PrivateKey',
    'PKCS_8',
    rsa.export({ ...der, type: 'pkcs8' }),
    { algorithm: 'EC' },
    'InvalidField',
    'The Cryptographic Algorithm says EC, but the key is of RSA.',
  ],
  [
    'an RSA key of another length',
    'PrivateKey',
    'PKCS_1',
    rsa.export({ ...der, type: 'pkcs1' }),
    { algorithm: 'RSA', length: 2048 },
    'InvalidField',
    'The Cryptographic Length says 2048 bits, but the key has 1024.',
  ],
  ['rubbish', 'PrivateKey', 'PKCS_1', aes, {}, 'InvalidField', 'The Key Material is no PKCS_1 of an algorithm that is supported.'],
  [
    'a raw Ed25519 key of 31 bytes',
    'PublicKey',
    'Raw',
    new Uint8Array(31),
    { algorithm: 'Ed25519' },
    'InvalidField',
    'A raw ed25519 key has 32 bytes; 31 were given.',
  ],
  [
    'an RSA private key without its primes',
    'PrivateKey',
    'TransparentRSAPrivateKey',
    { format: 'TransparentRSAPrivateKey', modulus: transparent.modulus, privateExponent: transparent.privateExponent },
    {},
    'KeyFormatTypeNotSupported',
    'A Transparent RSA Private Key is taken with its primes P and Q; they are not computed from the exponents. Register it as PKCS_1 or PKCS_8, or with P and Q.',
  ],
  [
    'a structure under the name of another',
    'PublicKey',
    'X_509',
    dsa,
    {},
    'InvalidField',
    'Key Material of TransparentDSAPublicKey is no public key in format X_509.',
  ],
]

for (const [what, objectType, format, material, claimed, reason, message] of refusals) {
  test(`refuses ${what}`, (t) => {
    const error = t.throws<KmipError>(() => toPlain(objectType, { format, material }, claimed))
    t.is(error.reason, reason)
    t.is(error.message, message)
  })
}

test('refuses a compression that the key cannot have', (t) => {
  const reasons = [
    () => fromPlain(toPlain('PublicKey', { format: 'X_509', material: p256 }, {}), 'X_509', 'X_509', 'ECPublicKeyTypeX9_62CompressedChar2'),
    () => fromPlain(toPlain('PublicKey', { format: 'X_509', material: k283 }, {}), 'X_509', 'X_509', 'ECPublicKeyTypeX9_62CompressedPrime'),
    () => fromPlain({ kind: 'secret', type: { algorithm: 'AES', length: 128 }, bytes: aes }, 'Raw', 'Raw', 'ECPublicKeyTypeX9_62Hybrid'),
  ].map((action) => t.throws<KmipError>(action).reason)
  t.deepEqual(new Set(reasons), new Set(['KeyCompressionTypeNotSupported']))
})

test('every kind of key has a format for clients that name none', (t) => {
  t.deepEqual(
    (
      [
        ['SymmetricKey', 'AES'],
        ['SecretData', undefined],
        ['PrivateKey', 'RSA'],
        ['PublicKey', 'RSA'],
        ['PrivateKey', 'ECDSA'],
        ['PublicKey', 'EC'],
        ['PrivateKey', 'Ed25519'],
        ['PublicKey', 'Ed25519'],
      ] as const
    ).map(([objectType, algorithm]) => defaultFormat(objectType, algorithm)),
    ['Raw', 'Raw', 'PKCS_1', 'PKCS_1', 'ECPrivateKey', 'X_509', 'PKCS_8', 'X_509'],
  )
})

test('the same PKCS #1 bytes come back, of a key that went through PKCS #8', (t) => {
  const pkcs1 = rsa.export({ ...der, type: 'pkcs1' })
  const plain = toPlain('PrivateKey', { format: 'PKCS_1', material: pkcs1 }, { algorithm: 'RSA', length: 1024 })
  const again = fromPlain(plain, 'PKCS_1', 'PKCS_1') as Uint8Array
  t.is(createHash('sha256').update(again).digest('hex'), createHash('sha256').update(pkcs1).digest('hex'))
})

test('an EC private key that a device gave back without its public key is completed', (t) => {
  const whole = pairs[1]![2].privateKey.export({ ...der, type: 'pkcs8' })
  const sec1 = pairs[1]![2].privateKey.export({ ...der, type: 'sec1' })
  // PrivateKeyInfo around an ECPrivateKey of version and 32 bytes: 65 bytes, of the 138 with the public key.
  const bare = Buffer.concat([
    Buffer.from('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', 'hex'),
    sec1.subarray(7, 39),
  ])
  const plain = { kind: 'private', type: { algorithm: 'EC', length: 256, curve: 'P_256' }, bytes: bare } as const
  t.deepEqual(fromPlain(plain, 'PKCS_8', 'PKCS_8'), whole)
  t.deepEqual(fromPlain(plain, 'ECPrivateKey', 'PKCS_8'), sec1)
})

/** Each side of each pair in each format, to be spoiled. */
const wholes = pairs.flatMap(([, algorithm, { privateKey, publicKey }, privateFormats, publicFormats]) =>
  (
    [
      ['PrivateKey', 'PKCS_8', privateKey.export({ ...der, type: 'pkcs8' }), privateFormats],
      ['PublicKey', 'X_509', publicKey.export({ ...der, type: 'spki' }), publicFormats],
    ] as const
  ).flatMap(([objectType, standard, bytes, formats]) => {
    const plain = toPlain(objectType, { format: standard, material: bytes }, { algorithm })
    return formats.map((format) => ({ objectType, algorithm, format, material: fromPlain(plain, format, standard), formats }))
  }),
)

test('spoiled Key Material is taken as another key or refused with a reason, and never more', (t) => {
  const spoiled = fc.property(fc.constantFrom(...wholes), fc.nat(), fc.nat(255), fc.boolean(), (whole, at, value, cut) => {
    const { objectType, algorithm, format, formats } = whole
    const spoil = (bytes: Uint8Array) => {
      const copy = Buffer.from(bytes)
      copy[at % copy.length] = value
      return cut ? copy.subarray(0, at % copy.length) : copy
    }
    const material = (
      whole.material instanceof Uint8Array
        ? spoil(whole.material)
        : Object.fromEntries(
            Object.entries(whole.material).map(([name, field]) => [name, field instanceof Uint8Array ? spoil(field) : field]),
          )
    ) as KeyMaterial
    try {
      const plain = toPlain(objectType, { format, material }, { algorithm })
      for (const other of formats) fromPlain(plain, other, format)
    } catch (error) {
      if (!(error instanceof KmipError)) throw error
    }
  })
  t.notThrows(() => fc.assert(spoiled, { numRuns: 3_000 }))
})
