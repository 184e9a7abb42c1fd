import test from 'ava'
import type { EnumerationValue } from '../../spec/enumerations.ts'
import { cipherMechanism, macMechanism, type Parameters, signMechanism, wrapMechanism } from '../../src/operations/mechanisms.ts'
import { type MechanismRow, mechanismTable, rowNamed } from '../../src/partitions/mechanism-table.ts'
import { cipherName, macName, signName, wrapName } from '../../src/partitions/mechanisms.ts'
import type { AlgorithmName, KeyType, MechanismName } from '../../src/partitions/partition.ts'
import { ckf } from '../../src/partitions/pkcs11/constants.ts'
import { waysOf } from '../../src/partitions/pkcs11/mechanisms.ts'
import { softwareMechanisms } from '../../src/partitions/software/mechanisms.ts'

const iv = new Uint8Array(16)
const fullTag = 16
const keyOf = (algorithm: AlgorithmName): KeyType => ({ algorithm, length: 256 })

/** The name of the mechanism that a request with the row's key and parameters comes to. */
function askedFor({ does, kmip }: MechanismRow, algorithm: AlgorithmName): MechanismName | undefined {
  const type = keyOf(algorithm)
  const parameters: Parameters = kmip
  if (does === 'encrypt') return cipherName(algorithm, cipherMechanism(type, parameters, iv, undefined, fullTag))
  if (does === 'wrap') return wrapName(algorithm, wrapMechanism(type, parameters, iv))
  if (does === 'sign') return signName(signMechanism(type, parameters, undefined))
  if (does === 'mac') return macName(macMechanism(type, parameters), algorithm)
  return undefined
}

/** Rows that KMIP's parameters do not come to, and why. */
const apart: ReadonlySet<MechanismName> = new Set([
  // Its IV has no field in MAC: asked for as GCM with empty Data.
  'GMAC',
  // RSA-PKCS1 where a software partition does no more of it than to encrypt.
  'RSA-PKCS1-ENCRYPT',
  // The standard has no place for a tag in a wrapping, and XTS is for storage.
  ...['GCM', 'CCM', 'XTS'].map((mode) => `WRAP-AES-${mode}`),
])

test('the parameters of each row come to its mechanism, for every key that it takes', (t) => {
  for (const row of mechanismTable) {
    if (apart.has(row.name)) continue
    for (const algorithm of row.keys) {
      const name = askedFor(row, algorithm)
      if (name !== undefined) t.is(name, row.name, `${algorithm} with ${JSON.stringify(row.kmip)}`)
    }
  }
})

test('a name is one row', (t) => {
  const names = mechanismTable.map(({ name }) => name)
  t.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  )
  for (const row of mechanismTable) t.is(rowNamed(row.name), row)
})

test('every row is had somewhere: in software, or by a token that has all', (t) => {
  const everything = waysOf(() => ({ flags: -1, minKeySize: 0, maxKeySize: 0 }))
  const implicitRejection: readonly MechanismName[] = ['RSA-PKCS1', 'RSA-PKCS1-ENCRYPT', 'WRAP-RSA-PKCS1']
  for (const { name } of mechanismTable)
    t.true(everything.has(name) || softwareMechanisms().has(name) || implicitRejection.includes(name), name)
})

test('a token has what it lists for that use, with what else that needs, for lengths that it allows', (t) => {
  const listed = new Map([
    [0x1087, { flags: ckf.ENCRYPT, minKeySize: 16, maxKeySize: 32 }],
    [0x1082, { flags: ckf.WRAP, minKeySize: 16, maxKeySize: 32 }],
    [0x1041, { flags: ckf.SIGN, minKeySize: 256, maxKeySize: 384 }],
    [0x250, { flags: ckf.DIGEST, minKeySize: 0, maxKeySize: 0 }],
    [0x1040, { flags: ckf.GENERATE_KEY_PAIR, minKeySize: 256, maxKeySize: 384 }],
  ])
  const names = [...waysOf((mechanism) => listed.get(mechanism)).keys()]
  t.deepEqual(
    names.filter((name) => !name.startsWith('GENERATE-')),
    ['AES-GCM', 'GMAC', 'HASH-SHA_256', 'ECDSA-SHA_256'],
  )
  const curve = (name: EnumerationValue<'RecommendedCurve'>) => names.includes(`GENERATE-EC-${name}`)
  t.deepEqual([curve('P_224'), curve('P_256'), curve('P_384'), curve('P_521')], [false, true, true, false])
})
