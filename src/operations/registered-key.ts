import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, KeyBlock, KeyMaterial, StructureValue } from '../../spec/values.ts'
import { type KeyKind, type KeyPolicy, type ObjectForm, Secret, type WrappedKey } from '../objects/index.ts'
import { type ClaimedType, type KeyObjectType, type PlainValue, toPlain } from '../objects/key-formats/index.ts'
import type { KeyReference } from '../partitions/partition.ts'
import type { Context } from './context.ts'
import { givenValue } from './given-attributes.ts'
import { decodeKeyValue, encodeKeyMaterial } from './key-value-encoding.ts'
import { keyHandle } from './object-store.ts'
import { unwrappingKey, type WrappingKey } from './wrapping-key.ts'

/** A value that came in and lies wrapped under the partition's KEK now. */
export interface TakenIn {
  readonly key: WrappedKey | undefined
  readonly form: ObjectForm
  /** What was read off the value. */
  readonly found: readonly AttributeInstance[]
  readonly digests: readonly StructureValue<'Digest'>[]
}

type Given = readonly AttributeInstance[]

/**
 * Takes the Key Block of a Register request into the tenant's partition (KMIP 2.1 §6.1.43): plain, wrapped, or without a value.
 * @throws KmipError InvalidField, KeyFormatTypeNotSupported; CryptographicFailure when a wrapped value does not unwrap.
 */
export async function takeInKey(
  context: Context,
  objectType: KeyObjectType,
  block: KeyBlock,
  given: Given,
  policy: KeyPolicy,
): Promise<TakenIn> {
  const claimed = claimedType(block, given)
  const form: ObjectForm = { keyFormatType: block.keyFormatType, keyCompressionType: block.keyCompressionType }
  const { keyValue, keyWrappingData } = block
  if (keyValue === undefined) return { key: undefined, form, found: typeAttributes(claimed), digests: [] }
  if (keyWrappingData !== undefined) return takeInWrapped(context, objectType, block, claimed, policy)
  if ('wrapped' in keyValue)
    throw new KmipError(
      block.keyFormatType === 'PKCS_12' ? 'KeyFormatTypeNotSupported' : 'InvalidField',
      'The Key Value is a byte string, which goes with Key Wrapping Data; the Key Block has none.',
    )
  return { ...(await takeInPlain(context, objectType, block, keyValue.keyMaterial, claimed, policy)), form }
}

type Value = Omit<TakenIn, 'form'>

async function takeInPlain(
  context: Context,
  objectType: KeyObjectType,
  block: KeyBlock,
  material: KeyMaterial,
  claimed: ClaimedType,
  policy: KeyPolicy,
): Promise<Value> {
  const { keyFormatType: format, keyCompressionType: compression } = block
  const plain = toPlain(objectType, { format, material, compression }, claimed)
  const key = await importPlain(context, plain, policy)
  const digestValue = await context.partition.hash('SHA_256', material instanceof Uint8Array ? material : encodeKeyMaterial(material))
  return {
    key,
    found: typeAttributes(plain.type ?? claimed),
    digests: [{ hashingAlgorithm: 'SHA_256', digestValue, keyFormatType: format }],
  }
}

/** Wipes its own copy of the plain value afterwards. */
async function importPlain(context: Context, plain: PlainValue, policy: KeyPolicy): Promise<WrappedKey> {
  const value = new Secret(new Uint8Array(plain.bytes))
  try {
    return await context.partition.importKey({ kind: plain.kind, type: plain.type, value }, policy)
  } finally {
    value.wipe()
  }
}

/**
 * A wrapped value is unwrapped when its wrapping key is here (Unwrap Mode Processed), so that the object can be used; what came is
 * remembered for Get. Otherwise the wrapped bytes are kept as they are.
 */
async function takeInWrapped(
  context: Context,
  objectType: KeyObjectType,
  block: KeyBlock,
  claimed: ClaimedType,
  policy: KeyPolicy,
): Promise<TakenIn> {
  const data = block.keyWrappingData!
  const { bytes, inStructure } = wrappedBytes(block)
  const form: ObjectForm = {
    keyFormatType: block.keyFormatType,
    keyCompressionType: block.keyCompressionType,
    keyWrappingData: data,
    wrappedInStructure: inStructure,
  }
  const link = linkTo(data)
  const wrapping = await unwrappingKey(context, data)
  if (wrapping === undefined) {
    // A sensitive object may be given wrapped, and these bytes are.
    const key = await importPlain(context, { kind: 'data', type: undefined, bytes }, { ...policy, sensitive: false })
    return { key, form, found: [...typeAttributes(claimed), ...link], digests: [] }
  }
  const value = await unwrapped(context, objectType, block, bytes, wrapping, claimed, policy)
  return { ...value, form: { ...form, registeredKeyValue: bytes }, found: [...value.found, ...link] }
}

/** The formats in which a partition takes a value as it comes out of its wrapping. */
const directKinds: Partial<Record<KeyBlock['keyFormatType'], Partial<Record<KeyObjectType, KeyKind>>>> = {
  Raw: { SymmetricKey: 'secret', SecretData: 'data', SplitKey: 'data', PGPKey: 'data' },
  Opaque: { SymmetricKey: 'data', SecretData: 'data', PrivateKey: 'data', PublicKey: 'data' },
  PKCS_8: { PrivateKey: 'private' },
  X_509: { PublicKey: 'public' },
}

async function unwrapped(
  context: Context,
  objectType: KeyObjectType,
  block: KeyBlock,
  bytes: Uint8Array,
  wrapping: Omit<WrappingKey, 'iv'>,
  claimed: ClaimedType,
  policy: KeyPolicy,
): Promise<Value> {
  const { reference, mechanism } = wrapping
  const isBare = block.keyWrappingData?.encodingOption === 'NoEncoding'
  const kind = isBare ? directKinds[block.keyFormatType]?.[objectType] : undefined
  const type = completeType(claimed)
  if (kind === 'data' || (kind === 'secret' && type !== undefined)) {
    const key = await context.partition.unwrapKey(bytes, reference, mechanism, kind, kind === 'data' ? undefined : type, policy)
    return { key, found: typeAttributes(claimed), digests: await digestInside(context, key, block) }
  }
  // Another form must be converted before a partition takes it as a key, so the value passes through here, as a plain one does.
  const open: KeyPolicy = { sensitive: false, extractable: true }
  const carrier = await context.partition.unwrapKey(bytes, reference, mechanism, 'data', undefined, open)
  const revealed = await context.partition.reveal(passing(carrier))
  context.partition.forget(passing(carrier).handle)
  try {
    const plain = revealed.value.expose()
    const material = isBare ? plain : decodeKeyValue(plain, block.keyFormatType)
    return await takeInPlain(context, objectType, block, material, claimed, policy)
  } finally {
    revealed.value.wipe()
  }
}

async function digestInside(context: Context, key: WrappedKey, block: KeyBlock): Promise<readonly StructureValue<'Digest'>[]> {
  const digestValue = await context.partition.digest(passing(key), 'SHA_256')
  return digestValue === undefined ? [] : [{ hashingAlgorithm: 'SHA_256', digestValue, keyFormatType: block.keyFormatType }]
}

/** A reference to a value that is not stored, or not yet. */
function passing(key: WrappedKey): KeyReference {
  return { handle: keyHandle('passing', key), key }
}

function wrappedBytes(block: KeyBlock): { readonly bytes: Uint8Array; readonly inStructure: boolean } {
  const keyValue = block.keyValue!
  if ('wrapped' in keyValue) return { bytes: keyValue.wrapped, inStructure: false }
  if (keyValue.keyMaterial instanceof Uint8Array) return { bytes: keyValue.keyMaterial, inStructure: true }
  throw new KmipError('InvalidField', 'A wrapped Key Value is a byte string; its Key Material is a structure.')
}

/** KMIP 2.1 §6.1.43: a wrapped object links to the key that it was wrapped with. */
function linkTo(data: StructureValue<'KeyWrappingData'>): readonly AttributeInstance[] {
  const linkedObjectIdentifier = data.encryptionKeyInformation?.uniqueIdentifier
  if (linkedObjectIdentifier === undefined) return []
  return [{ name: 'Link', value: { linkType: 'WrappingKeyLink', linkedObjectIdentifier } }]
}

/** What Key Block and attributes say, which must be the same. */
function claimedType(block: KeyBlock, given: Given): ClaimedType {
  const algorithm = agreed('Cryptographic Algorithm', block.cryptographicAlgorithm, givenValue(given, 'CryptographicAlgorithm'))
  const length = agreed('Cryptographic Length', block.cryptographicLength, givenValue(given, 'CryptographicLength'))
  return { algorithm, length }
}

function agreed<T extends string | number>(name: string, inBlock: T | undefined, attribute: T | undefined): T | undefined {
  if (inBlock === undefined || attribute === undefined || inBlock === attribute) return inBlock ?? attribute
  throw new KmipError('InvalidField', `The Key Block says ${name} ${inBlock}, the attributes say ${attribute}.`)
}

function completeType({ algorithm, length }: ClaimedType) {
  return algorithm === undefined || length === undefined ? undefined : { algorithm, length }
}

function typeAttributes({ algorithm, length }: ClaimedType): readonly AttributeInstance[] {
  return [
    ...(algorithm === undefined ? [] : [{ name: 'CryptographicAlgorithm', value: algorithm } as const]),
    ...(length === undefined ? [] : [{ name: 'CryptographicLength', value: length } as const]),
  ]
}
