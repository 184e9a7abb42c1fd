import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, KeyBlock, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { certificateAttributes, checkGiven, type KeyPolicy, Secret } from '../objects/index.ts'
import type { KeyObjectType } from '../objects/key-formats/index.ts'
import type { Context } from './context.ts'
import { merged } from './given-attributes.ts'
import { addManagedObject, requestedPolicy } from './new-managed-object.ts'
import { type TakenIn, takeInKey } from './registered-key.ts'
import { withTemplates } from './templates.ts'

type Request = RequestPayload<'Register'>
type ObjectType = EnumerationValue<'ObjectType'>

/** The payload's field for each Object Type. */
const fields = {
  Certificate: 'certificate',
  CertificateRequest: 'certificateRequest',
  OpaqueObject: 'opaqueObject',
  PGPKey: 'pgpKey',
  PrivateKey: 'privateKey',
  PublicKey: 'publicKey',
  SecretData: 'secretData',
  SplitKey: 'splitKey',
  SymmetricKey: 'symmetricKey',
  Template: 'template',
} as const satisfies Partial<Record<ObjectType, keyof Request>>

type Registrable = keyof typeof fields

/**
 * Register (KMIP 2.1 §6.1.43): an object that was made elsewhere, in any of the standard's kinds. Its value is wrapped in the tenant's partition.
 * @throws KmipError InvalidObjectType; InvalidField for a value that is not what is said of it; as `addManagedObject` for the attributes.
 */
export async function register(context: Context, request: Request): Promise<ResponsePayload<'Register'>> {
  const objectType = registrable(request)
  const given = await attributesOf(context, request)
  checkGiven(given, objectType)
  const policy = requestedPolicy(context, given)
  const { key, form, found, digests } = await takeIn(context, request, objectType, given, policy)
  const object = await addManagedObject(context, {
    objectType,
    given: withoutLinkTwice(given, found),
    form,
    key,
    policy,
    found: found.filter(({ name }) => name !== 'Link'),
    digests,
    generated: false,
    permitted: request.protectionStorageMasks,
  })
  return { uniqueIdentifier: object.uniqueIdentifier }
}

function registrable(request: Request): Registrable {
  const { objectType } = request
  if (!(objectType in fields)) throw new KmipError('InvalidObjectType', `Objects of type ${objectType} cannot be registered.`)
  const wanted = fields[objectType as Registrable]
  const present = Object.values(fields).filter((field) => request[field] !== undefined)
  if (present.length === 1 && present[0] === wanted) return objectType as Registrable
  throw new KmipError(
    'InvalidMessage',
    `The Object Type says ${objectType}, so the request carries one ${objectType}, and no other object.`,
  )
}

/** The request's attributes go before those of its Templates and those inside the Key Value (KMIP 2.1 §3.2) or the Template registered. */
async function attributesOf(context: Context, request: Request): Promise<readonly AttributeInstance[]> {
  const keyValue = keyBlockOf(request)?.keyValue
  const inside = keyValue === undefined || 'wrapped' in keyValue ? [] : keyValue.attributes
  const own = await withTemplates(context, request.templates, request.attributes)
  return merged([...inside, ...(request.template?.attributes ?? [])], own)
}

async function takeIn(
  context: Context,
  request: Request,
  objectType: Registrable,
  given: readonly AttributeInstance[],
  policy: KeyPolicy,
): Promise<TakenIn> {
  const { certificate, certificateRequest, opaqueObject, secretData, splitKey, pgpKey } = request
  if (certificate !== undefined) {
    const { certificateType, certificateValue } = certificate
    const found = certificateType === 'X_509' ? certificateAttributes(certificateValue) : [lengthOf(certificateValue)]
    return { ...(await takeInData(context, certificateValue, policy)), form: { certificateType }, found }
  }
  if (certificateRequest !== undefined) {
    const { certificateRequestType, certificateRequestValue } = certificateRequest
    return { ...(await takeInData(context, certificateRequestValue, policy)), form: { certificateRequestType }, found: [] }
  }
  if (opaqueObject !== undefined) {
    const { opaqueDataType, opaqueDataValue } = opaqueObject
    return { ...(await takeInData(context, opaqueDataValue, policy)), form: { opaqueDataType }, found: [] }
  }
  const block = keyBlockOf(request)
  if (block === undefined) return { key: undefined, form: {}, found: [], digests: [] }
  const taken = await takeInKey(context, objectType as KeyObjectType, block, given, policy)
  if (secretData !== undefined) return { ...taken, form: { ...taken.form, secretDataType: secretData.secretDataType } }
  if (pgpKey !== undefined) return { ...taken, form: { ...taken.form, pgpKeyVersion: pgpKey.pgpKeyVersion } }
  if (splitKey === undefined) return taken
  const { splitKeyParts: parts, keyPartIdentifier, splitKeyThreshold: threshold, splitKeyMethod: method, primeFieldSize } = splitKey
  return { ...taken, form: { ...taken.form, splitKey: { parts, keyPartIdentifier, threshold, method, primeFieldSize } } }
}

function keyBlockOf(request: Request): KeyBlock | undefined {
  const { privateKey, publicKey, secretData, splitKey, symmetricKey, pgpKey } = request
  return (symmetricKey ?? privateKey ?? publicKey ?? secretData ?? splitKey ?? pgpKey)?.keyBlock
}

/** The Digest of a value without a Key Block still says Raw: clients expect the field (TC-CERTATTR-1). */
async function takeInData(context: Context, bytes: Uint8Array, policy: KeyPolicy): Promise<Pick<TakenIn, 'key' | 'digests'>> {
  const value = new Secret(bytes)
  const key = await context.partition.importKey({ kind: 'data', type: undefined, value }, policy)
  const digestValue = await context.partition.hash('SHA_256', bytes)
  return { key, digests: [{ hashingAlgorithm: 'SHA_256', digestValue, keyFormatType: 'Raw' }] }
}

function lengthOf(value: Uint8Array): AttributeInstance {
  return { name: 'CertificateLength', value: value.length }
}

/** A Link that was found stands beside those given, but once. */
function withoutLinkTwice(given: readonly AttributeInstance[], found: readonly AttributeInstance[]): readonly AttributeInstance[] {
  const isThere = (link: AttributeInstance & { name: 'Link' }) =>
    given.some((each) => each.name === 'Link' && each.value.linkType === link.value.linkType)
  return [...given, ...found.filter((each) => each.name === 'Link' && !isThere(each))]
}
