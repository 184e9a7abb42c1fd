import { randomUUID } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { type AlgorithmName, type CurveName, checkGiven, type KeyType, withoutResidence } from '../objects/index.ts'
import { defaultFormat } from '../objects/key-formats/index.ts'
import type { Context } from './context.ts'
import { checkQuantumSafe } from './create.ts'
import { givenValue, maskOf, merged, withDefaults } from './given-attributes.ts'
import { addManagedObject, requestedPolicy } from './new-managed-object.ts'
import { insideName, orDestroyed, residentPolicy, staysInside } from './resident.ts'
import { withTemplates } from './templates.ts'

/**
 * Create Key Pair (KMIP 2.1 §6.1.9): an RSA, elliptic-curve, Ed25519, Ed448, X25519 or X448 pair, generated in the tenant's partition; each key links to
 * the other.
 * @throws KmipError InvalidField, UnsupportedCryptographicParameters for what the partition cannot make.
 */
export async function createKeyPair(context: Context, request: RequestPayload<'CreateKeyPair'>): Promise<ResponsePayload<'CreateKeyPair'>> {
  const common = await withTemplates(context, request.commonTemplates, request.commonAttributes ?? [])
  const privateAsked = merged(common, await withTemplates(context, request.privateKeyTemplates, request.privateKeyAttributes ?? []))
  const publicOwn = await withTemplates(context, request.publicKeyTemplates, request.publicKeyAttributes ?? [])
  const inside = staysInside(context, privateAsked)
  const privateGiven = withoutResidence(privateAsked)
  // A public key is never resident: to ask for it is refused as what only the server sets.
  const publicGiven = merged(withoutResidence(common), publicOwn)
  const type = pairType(privateGiven, publicGiven)
  const privateAttributes = completed(privateGiven, type, ['Sign'])
  const publicAttributes = completed(publicGiven, type, ['Verify'])
  checkGiven(privateAttributes, 'PrivateKey')
  checkGiven(publicAttributes, 'PublicKey')
  for (const given of [privateAttributes, publicAttributes]) checkQuantumSafe(given, type)
  const policy = inside ? residentPolicy : requestedPolicy(context, privateGiven)
  const privateKeyUniqueIdentifier = randomUUID()
  const publicKeyUniqueIdentifier = randomUUID()
  const pair = inside
    ? await context.partition.generateResidentPair!(type, insideName(privateKeyUniqueIdentifier))
    : await context.partition.generateKeyPair(type, policy)
  await orDestroyed(context, inside, privateKeyUniqueIdentifier, async () => {
    await addManagedObject(context, {
      uniqueIdentifier: publicKeyUniqueIdentifier,
      objectType: 'PublicKey',
      given: [...publicAttributes, link('PrivateKeyLink', privateKeyUniqueIdentifier)],
      form: { keyFormatType: defaultFormat('PublicKey', type.algorithm, type.curve) },
      key: pair.publicKey,
      policy: pair.publicKey.policy,
      generated: true,
      permitted: request.publicProtectionStorageMasks ?? request.commonProtectionStorageMasks,
    })
    await addManagedObject(context, {
      uniqueIdentifier: privateKeyUniqueIdentifier,
      objectType: 'PrivateKey',
      given: [...privateAttributes, link('PublicKeyLink', publicKeyUniqueIdentifier)],
      form: { keyFormatType: defaultFormat('PrivateKey', type.algorithm, type.curve) },
      key: pair.privateKey,
      policy,
      generated: true,
      permitted: request.privateProtectionStorageMasks ?? request.commonProtectionStorageMasks,
    })
  })
  return { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier }
}

/** The curve that a length alone means, for the algorithms that need one. */
const curveOfLength: Readonly<Record<number, CurveName>> = { 192: 'P_192', 224: 'P_224', 256: 'P_256', 384: 'P_384', 521: 'P_521' }

/** The bits of the curves that are not named for them. */
const curveBits: Partial<Record<CurveName, number>> = { CURVE25519: 256, CURVE448: 456 }

const defaultRsaLength = 2048
const defaultCurveLength = 256

function pairType(privateGiven: readonly AttributeInstance[], publicGiven: readonly AttributeInstance[]): KeyType {
  const algorithm = agreed('CryptographicAlgorithm', privateGiven, publicGiven) ?? 'RSA'
  const length = agreed('CryptographicLength', privateGiven, publicGiven)
  if (algorithm === 'Ed25519') return { algorithm, length: 256, curve: 'CURVE25519' }
  if (algorithm === 'Ed448') return { algorithm, length: 456, curve: 'CURVE448' }
  if (!isCurveAlgorithm(algorithm)) return { algorithm, length: length ?? defaultRsaLength }
  const curve =
    agreed('CryptographicDomainParameters', privateGiven, publicGiven)?.recommendedCurve ?? curveOfLength[length ?? defaultCurveLength]
  if (curve === undefined)
    throw new KmipError(
      'InvalidField',
      `No curve is known by ${length} bits alone: give Cryptographic Domain Parameters with a Recommended Curve.`,
    )
  const bits = bitsOf(algorithm, curve) ?? length
  if (bits === undefined) throw new KmipError('InvalidField', `The size of ${curve} is not known: give a Cryptographic Length.`)
  if (length !== undefined && length !== bits)
    throw new KmipError('InvalidField', `${curve} has ${bits} bits, the request says Cryptographic Length ${length}.`)
  return { algorithm, length: bits, curve }
}

function isCurveAlgorithm(algorithm: AlgorithmName): boolean {
  return algorithm === 'EC' || algorithm === 'ECDSA' || algorithm === 'ECDH' || algorithm === 'ECMQV'
}

/** Curves carry their size in their names: `P_256`, `SECP256K1`, `BRAINPOOLP320R1`. */
function bitsOf(algorithm: AlgorithmName, curve: CurveName): number | undefined {
  // Ed448 keys have a bit for the sign and fill up their last byte (RFC 8032 §5.2), X448 keys do not.
  if (algorithm === 'ECDH' && curve === 'CURVE448') return 448
  const digits = /(?:^[PKB]_|^SECP|^SECT|^BRAINPOOLP)(\d{3})/.exec(curve)?.[1]
  return curveBits[curve] ?? (digits === undefined ? undefined : Number(digits))
}

/** Both keys have one algorithm, length and domain (KMIP 2.1 §6.1.9). */
function agreed<N extends 'CryptographicAlgorithm' | 'CryptographicLength' | 'CryptographicDomainParameters'>(
  name: N,
  privateGiven: readonly AttributeInstance[],
  publicGiven: readonly AttributeInstance[],
) {
  const one = givenValue(privateGiven, name)
  const other = givenValue(publicGiven, name)
  if (one !== undefined && other !== undefined && JSON.stringify(one) !== JSON.stringify(other))
    throw new KmipError('InvalidAttributeValue', `The private and the public key must have the same ${name}.`)
  return one ?? other
}

function completed(given: readonly AttributeInstance[], type: KeyType, uses: Parameters<typeof maskOf>[0]): readonly AttributeInstance[] {
  const defaults: AttributeInstance[] = [
    { name: 'CryptographicAlgorithm', value: type.algorithm },
    { name: 'CryptographicLength', value: type.length },
    { name: 'CryptographicUsageMask', value: maskOf(uses) },
  ]
  if (type.curve !== undefined) defaults.push({ name: 'CryptographicDomainParameters', value: { recommendedCurve: type.curve } })
  return withDefaults(given, defaults)
}

function link(linkType: 'PrivateKeyLink' | 'PublicKeyLink', linkedObjectIdentifier: string): AttributeInstance {
  return { name: 'Link', value: { linkType, linkedObjectIdentifier } }
}
