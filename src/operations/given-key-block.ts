import { KmipError } from '../../spec/kmip-error.ts'
import type { KeyBlock, KeyMaterial, KeyValue, RequestPayload, StructureValue } from '../../spec/values.ts'
import { type ManagedObject, policyOf, Secret } from '../objects/index.ts'
import { fromPlain, type KeyFormat } from '../objects/key-formats/index.ts'
import type { KeyKind } from '../partitions/partition.ts'
import type { Context } from './context.ts'
import { encodeKeyValue } from './key-value-encoding.ts'
import { checkLeaves } from './leaving.ts'
import { keyHandle, keyReference } from './object-store.ts'
import { type WrappingKey, wrappingKey } from './wrapping-key.ts'

type Request = RequestPayload<'Get'>
type Specification = StructureValue<'KeyWrappingSpecification'>

/** The Key Block in which Get gives an object: plain, wrapped under another key, as it was registered, or without a value. */
export async function givenKeyBlock(context: Context, object: ManagedObject, request: Request): Promise<KeyBlock> {
  const { form, attributes, objectType } = object
  const registered = form.keyFormatType ?? 'Raw'
  const format = request.keyFormatType ?? registered
  const block: KeyBlock = {
    keyFormatType: format,
    keyCompressionType: request.keyCompressionType,
    ...(objectType === 'SecretData'
      ? {}
      : { cryptographicAlgorithm: attributes.get('CryptographicAlgorithm'), cryptographicLength: attributes.get('CryptographicLength') }),
  }
  if (object.key === undefined) return withoutValue(object, request, block)
  if (request.keyWrappingSpecification !== undefined) return wrapped(context, object, block, request, request.keyWrappingSpecification)
  const cameWrapped = form.keyWrappingData !== undefined
  if (cameWrapped && request.keyWrapType !== 'NotWrapped') return asRegistered(context, object, block)
  checkLeaves(object)
  checkUnwrapped(object)
  return { ...block, keyValue: { keyMaterial: await plainMaterial(context, object, format, request), attributes: [] } }
}

/** An object whose key lies elsewhere (KMIP 2.1 §4.27) has a Key Block all the same. */
function withoutValue(object: ManagedObject, request: Request, block: KeyBlock): KeyBlock {
  if (request.keyWrappingSpecification === undefined && block.keyFormatType === (object.form.keyFormatType ?? 'Raw')) return block
  throw new KmipError('KeyValueNotPresent', `${object.uniqueIdentifier} has no key value here that could be wrapped or converted.`)
}

async function asRegistered(context: Context, object: ManagedObject, block: KeyBlock): Promise<KeyBlock> {
  const { form } = object
  checkLeaves(object, 'wrapped')
  if (block.keyFormatType !== (form.keyFormatType ?? 'Raw'))
    throw new KmipError(
      'KeyFormatTypeNotSupported',
      `${object.uniqueIdentifier} is wrapped as ${form.keyFormatType}; another format needs Key Wrap Type NotWrapped.`,
    )
  const bytes = form.registeredKeyValue ?? (await revealed(context, object)).expose()
  return { ...block, keyValue: wrappedValue(bytes, form.wrappedInStructure === true), keyWrappingData: form.keyWrappingData }
}

async function wrapped(
  context: Context,
  object: ManagedObject,
  block: KeyBlock,
  request: Request,
  specification: Specification,
): Promise<KeyBlock> {
  const { wrappingMethod, encryptionKeyInformation: information, encodingOption } = specification
  if (wrappingMethod !== 'Encrypt' || specification.macSignatureKeyInformation !== undefined)
    throw new KmipError(
      'FeatureNotSupported',
      `Wrapping Method ${wrappingMethod} is not supported. Use Encrypt with Encryption Key Information.`,
    )
  if (information === undefined)
    throw new KmipError('InvalidMessage', 'The Key Wrapping Specification has no Encryption Key Information, so it names no wrapping key.')
  if (specification.attributeNames.length > 0) throw attributesRefused(encodingOption)
  checkLeaves(object, 'wrapped')
  checkUnwrapped(object)
  const key = await wrappingKey(context, information)
  const bytes =
    encodingOption === 'NoEncoding'
      ? await wrapBare(context, object, block.keyFormatType, request, key)
      : await wrapEncoded(context, object, block.keyFormatType, request, key)
  return {
    ...block,
    keyValue: wrappedValue(bytes, encodingOption === 'NoEncoding' && !policyOf(object).sensitive),
    keyWrappingData: { wrappingMethod, encryptionKeyInformation: information, ivCounterNonce: key.iv, encodingOption },
  }
}

/**
 * Where wrapped bytes stand. The standard has them as the Key Value itself (KMIP 2.1 §3.2), and so does TC-SENSITIVE-1; but TC-WRAP-3 and
 * clients in the field read a Key Value structure when there is No Encoding, and cannot read anything else. A sensitive key is for new
 * clients (the attribute came with 1.4) and follows the standard.
 */
function wrappedValue(bytes: Uint8Array, inStructure: boolean): KeyValue {
  return inStructure ? { keyMaterial: bytes, attributes: [] } : { wrapped: bytes }
}

/** The formats in which a partition holds values, and so can wrap them without letting them out. */
const heldFormats: Readonly<Record<KeyKind, KeyFormat | undefined>> = { secret: 'Raw', private: 'PKCS_8', public: 'X_509', data: undefined }

async function wrapBare(
  context: Context,
  object: ManagedObject,
  format: KeyFormat,
  request: Request,
  { reference, mechanism }: WrappingKey,
): Promise<Uint8Array> {
  const kind = object.key?.kind ?? 'data'
  const held = kind === 'data' ? object.form.keyFormatType : heldFormats[kind]
  const compressed = (request.keyCompressionType ?? 'ECPublicKeyTypeUncompressed') !== 'ECPublicKeyTypeUncompressed'
  if (format === held && !compressed && !format.startsWith('Transparent'))
    return context.partition.wrapKey(keyReference(object), reference, mechanism)
  if (policyOf(object).sensitive)
    throw new KmipError(
      'KeyFormatTypeNotSupported',
      `${object.uniqueIdentifier} is sensitive: it is wrapped inside its partition, which holds it as ${held ?? 'data'}, so it cannot be given as ${format}.`,
    )
  const material = await plainMaterial(context, object, format, request)
  if (!(material instanceof Uint8Array))
    throw new KmipError('EncodingOptionError', `Key Material in format ${format} is a structure. Wrap it with TTLV Encoding.`)
  return wrapOutside(context, material, { reference, mechanism })
}

async function wrapEncoded(
  context: Context,
  object: ManagedObject,
  format: KeyFormat,
  request: Request,
  key: Pick<WrappingKey, 'reference' | 'mechanism'>,
): Promise<Uint8Array> {
  if (policyOf(object).sensitive)
    throw new KmipError(
      'EncodingOptionError',
      `${object.uniqueIdentifier} is sensitive: its partition wraps the bare key. Ask for it with Encoding Option NoEncoding.`,
    )
  return wrapOutside(context, encodeKeyValue(await plainMaterial(context, object, format, request)), key)
}

/** Wraps bytes that are no key of the partition: they become one for as long as it takes. The value may leave in plain, so it may do this too. */
async function wrapOutside(
  context: Context,
  bytes: Uint8Array,
  { reference, mechanism }: Pick<WrappingKey, 'reference' | 'mechanism'>,
): Promise<Uint8Array> {
  const value = new Secret(bytes)
  const key = await context.partition.importKey({ kind: 'data', type: undefined, value }, { sensitive: false, extractable: true })
  value.wipe()
  const passing = { handle: keyHandle('passing', key), key }
  try {
    return await context.partition.wrapKey(passing, reference, mechanism)
  } finally {
    context.partition.forget(passing.handle)
  }
}

async function plainMaterial(context: Context, object: ManagedObject, format: KeyFormat, request: Request): Promise<KeyMaterial> {
  const { kind, type } = object.key!
  const value = await revealed(context, object)
  return fromPlain({ kind, type, bytes: value.expose() }, format, object.form.keyFormatType ?? 'Raw', request.keyCompressionType)
}

async function revealed(context: Context, object: ManagedObject): Promise<Secret> {
  return (await context.partition.reveal(keyReference(object))).value
}

function checkUnwrapped({ uniqueIdentifier, form }: ManagedObject): void {
  if (form.keyWrappingData === undefined || form.registeredKeyValue !== undefined) return
  throw new KmipError(
    'KeyWrapTypeNotSupported',
    `${uniqueIdentifier} was registered wrapped under a key that is not here: it is given only with Key Wrap Type AsRegistered.`,
  )
}

function attributesRefused(encodingOption: Specification['encodingOption']): KmipError {
  if (encodingOption === 'NoEncoding')
    return new KmipError(
      'EncodingOptionError',
      'With No Encoding the wrapped Key Value holds no attributes. Ask for them with Get Attributes.',
    )
  return new KmipError('FeatureNotSupported', 'Attributes are not wrapped with the key here. Ask for them with Get Attributes.')
}
