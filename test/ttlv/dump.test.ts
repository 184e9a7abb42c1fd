import test from 'ava'
import { bigInteger, byteString, dump, enumeration, type Item, integer, structure, textString } from '../../src/ttlv/index.ts'

const secret = Buffer.from('TOPSECRET-TOPSECRET-TOPSECRET-01')
const secretHex = secret.toString('hex')

const hiding: readonly (readonly [string, Item])[] = [
  ['key material', structure('KeyValue', [byteString('KeyMaterial', secret)])],
  ['a wrapped key value', byteString('KeyValue', secret)],
  [
    'transparent key material',
    structure('KeyMaterial', [byteString('Key', secret), bigInteger('PrivateExponent', secret), bigInteger('Modulus', secret)]),
  ],
  ['a transparent key outside key material', bigInteger('P', secret)],
  ['plain data', byteString('Data', secret)],
  ['a password', structure('CredentialValue', [textString('Username', 'app'), textString('Password', secret.toString())])],
  ['a password alone', textString('Password', secret.toString())],
  ['a one-time password', textString('OneTimePassword', secret.toString())],
  ['a ticket', structure('Ticket', [byteString('TicketValue', secret)])],
  ['an opaque object', byteString('OpaqueDataValue', secret)],
  ['a MAC', byteString('MACData', secret)],
  ['a digest', byteString('DigestValue', secret)],
  ['text of an extension', textString(0x540001, secret.toString())],
  ['text below an extension', structure(0x540001, [textString('Comment', secret.toString())])],
  ['bytes of an attribute', byteString('AttributeValue', secret)],
]

for (const [name, item] of hiding) {
  test(`hides ${name}`, (t) => {
    const text = dump(structure('RequestMessage', [item]))
    t.notRegex(text, new RegExp(`TOPSECRET|${secretHex}`, 'i'))
    t.regex(text, /\(32 (bytes|characters)\)/)
  })
}

test('shows the rest', (t) => {
  const text = dump(
    structure('RequestMessage', [
      enumeration('Operation', 'Encrypt'),
      structure('CredentialValue', [textString('Username', 'app'), textString('Password', 'hunter2')]),
      structure('RequestPayload', [
        textString('UniqueIdentifier', 'k-1\n'),
        integer('CryptographicUsageMask', 0xc),
        byteString('IVCounterNonce', new Uint8Array([1, 2])),
        byteString('UniqueBatchItemID', new Uint8Array(65)),
        structure('KeyMaterial', [enumeration('RecommendedCurve', 'P_256')]),
      ]),
    ]),
  )
  t.is(
    text,
    [
      'RequestMessage',
      '  Operation Enumeration Encrypt',
      '  CredentialValue',
      '    Username TextString "app"',
      '    Password TextString (7 characters)',
      '  RequestPayload',
      '    UniqueIdentifier TextString "k-1\\n"',
      '    CryptographicUsageMask Integer Encrypt Decrypt',
      '    IVCounterNonce ByteString 0102',
      '    UniqueBatchItemID ByteString (65 bytes)',
      '    KeyMaterial',
      '      RecommendedCurve Enumeration (hidden)',
    ].join('\n'),
  )
})
