import { randomUUID } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { type AlgorithmName, checkGiven, type KeyType, type ObjectForm, withoutResidence } from '../objects/index.ts'
import { checkAllowed } from './allowed.ts'
import type { Context } from './context.ts'
import { givenValue, maskOf, withDefaults } from './given-attributes.ts'
import { addManagedObject, requestedPolicy } from './new-managed-object.ts'
import { makeKey, orDestroyed, residentPolicy, staysInside } from './resident.ts'
import { withTemplates } from './templates.ts'

/**
 * Create (KMIP 2.1 §6.1.8): a symmetric key, or Secret Data of random bytes, generated in the tenant's partition.
 * @throws KmipError InvalidObjectType; InvalidField and UnsupportedCryptographicParameters for what the partition cannot make.
 */
export async function create(context: Context, request: RequestPayload<'Create'>): Promise<ResponsePayload<'Create'>> {
  const { objectType } = request
  if (objectType !== 'SymmetricKey' && objectType !== 'SecretData')
    throw new KmipError('InvalidObjectType', `Create makes Symmetric Keys and Secret Data, not a ${objectType}.`)
  const asked = await withTemplates(context, request.templates, request.attributes)
  const inside = objectType === 'SymmetricKey' && staysInside(context, asked)
  const attributes = objectType === 'SymmetricKey' ? withoutResidence(asked) : asked
  const { given, type, form } = wantedKey(objectType, attributes)
  checkGiven(given, objectType)
  checkQuantumSafe(given, type)
  checkAllowed(context, type)
  const policy = inside ? residentPolicy : requestedPolicy(context, given)
  const uniqueIdentifier = randomUUID()
  const { digest, ...key } = await makeKey(context, inside, type, uniqueIdentifier, policy)
  await orDestroyed(context, inside, uniqueIdentifier, () =>
    addManagedObject(context, {
      uniqueIdentifier,
      objectType,
      given,
      form,
      key,
      digest,
      policy,
      generated: true,
      permitted: request.protectionStorageMasks,
    }),
  )
  return { objectType, uniqueIdentifier }
}

/** What a key is when the request is silent; Query Defaults Information tells the same. */
export const symmetricKeyDefaults = { algorithm: 'AES', length: 256 } as const satisfies { algorithm: AlgorithmName; length: number }

/** The length in bits of a key whose algorithm alone is given. */
const defaultLengths: Partial<Record<AlgorithmName, number>> = {
  AES: 256,
  DES3: 168,
  HMAC_MD5: 128,
  HMAC_SHA1: 160,
  HMAC_SHA224: 224,
  HMAC_SHA256: 256,
  HMAC_SHA384: 384,
  HMAC_SHA512: 512,
  HMAC_SHA3_224: 224,
  HMAC_SHA3_256: 256,
  HMAC_SHA3_384: 384,
  HMAC_SHA3_512: 512,
}

/** Random bytes of Secret Data, in bits, when the request is silent. */
const defaultSecretLength = 256

/** What a request asks for, for Create and Derive Key. */
export interface Wanted {
  readonly given: readonly AttributeInstance[]
  readonly type: KeyType
  readonly form: ObjectForm
}

/** The attributes with the defaults for what they leave out, and what they make. @throws KmipError KeyFormatTypeNotSupported. */
export function wantedKey(objectType: 'SymmetricKey' | 'SecretData', attributes: readonly AttributeInstance[]): Wanted {
  return objectType === 'SymmetricKey' ? symmetricKey(attributes) : secretData(attributes)
}

function symmetricKey(attributes: readonly AttributeInstance[]): Wanted {
  const algorithm = givenValue(attributes, 'CryptographicAlgorithm') ?? symmetricKeyDefaults.algorithm
  const length = givenValue(attributes, 'CryptographicLength') ?? defaultLengths[algorithm] ?? symmetricKeyDefaults.length
  const format = givenValue(attributes, 'KeyFormatType') ?? 'Raw'
  if (format !== 'Raw' && format !== 'TransparentSymmetricKey')
    throw new KmipError('KeyFormatTypeNotSupported', `A Symmetric Key is Raw or a Transparent Symmetric Key, not ${format}.`)
  const given = withDefaults(attributes, [
    { name: 'CryptographicAlgorithm', value: algorithm },
    { name: 'CryptographicLength', value: length },
    {
      name: 'CryptographicUsageMask',
      value: maskOf(algorithm.startsWith('HMAC_') ? ['MACGenerate', 'MACVerify'] : ['Encrypt', 'Decrypt']),
    },
  ])
  return { given, type: { algorithm, length }, form: { keyFormatType: format } }
}

/** Its bytes are those of an HMAC key, so that they too are made inside the partition. */
function secretData(attributes: readonly AttributeInstance[]): Wanted {
  const length = givenValue(attributes, 'CryptographicLength') ?? defaultSecretLength
  const given = withDefaults(attributes, [{ name: 'CryptographicLength', value: length }])
  return { given, type: { algorithm: 'HMAC_SHA256', length }, form: { keyFormatType: 'Raw', secretDataType: 'Password' } }
}

/** Quantum Safe is a promise (KMIP 2.1 §4.45): a symmetric key keeps it from 256 bits on. */
export function checkQuantumSafe(given: readonly AttributeInstance[], { algorithm, length, curve }: KeyType): void {
  if (givenValue(given, 'QuantumSafe') !== true) return
  if (algorithm === 'RSA' || curve !== undefined)
    throw new KmipError('GeneralFailure', `A pair of ${algorithm} is not quantum safe, and no pair here is; ask without Quantum Safe.`)
  if (length < 256) throw new KmipError('GeneralFailure', `${algorithm} with ${length} bits is not quantum safe; ask for 256 bits.`)
}
