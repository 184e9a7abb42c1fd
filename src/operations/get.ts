import type { EnumerationValue } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { KeyBlock, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import type { ManagedObject } from '../objects/index.ts'
import type { Context } from './context.ts'
import { givenKeyBlock } from './given-key-block.ts'
import { checkLeaves } from './leaving.ts'
import { keyReference } from './object-store.ts'

type Request = RequestPayload<'Get'>
type Response = ResponsePayload<'Get'>
type ObjectType = EnumerationValue<'ObjectType'>

/**
 * Get (KMIP 2.1 §6.1.19): the object with its value, in the format asked for or else as it was registered, plain or wrapped.
 * @throws KmipError ObjectDestroyed; Sensitive, NotExtractable; KeyFormatTypeNotSupported, KeyCompressionTypeNotSupported,
 *   KeyWrapTypeNotSupported; as `wrappingKey`.
 */
export async function get(context: Context, request: Request): Promise<Response> {
  const object = await context.objects.openLiving(request.uniqueIdentifier)
  const payload = await payloadOf(context, object, request)
  if (object.attributes.get('Fresh') === true) {
    object.attributes.set('Fresh', false)
    await context.objects.save(object)
  }
  return { objectType: object.objectType, uniqueIdentifier: object.uniqueIdentifier, ...payload }
}

async function payloadOf(context: Context, object: ManagedObject, request: Request): Promise<Partial<Response>> {
  switch (object.objectType) {
    case 'Certificate':
      return {
        certificate: { certificateType: object.form.certificateType ?? 'X_509', certificateValue: await bytesOf(context, object, request) },
      }
    case 'CertificateRequest': {
      const certificateRequestType = object.form.certificateRequestType ?? 'PKCS_10'
      return { certificateRequest: { certificateRequestType, certificateRequestValue: await bytesOf(context, object, request) } }
    }
    case 'OpaqueObject':
      return {
        opaqueObject: { opaqueDataType: object.form.opaqueDataType ?? 0, opaqueDataValue: await bytesOf(context, object, request) },
      }
    case 'Template':
      return { template: { attributes: [...object.attributes] } }
    default:
      return keyPayload(object, await givenKeyBlock(context, object, request))
  }
}

function keyPayload(object: ManagedObject, keyBlock: KeyBlock): Partial<Response> {
  const { form, objectType, uniqueIdentifier } = object
  switch (objectType) {
    case 'SymmetricKey':
      return { symmetricKey: { keyBlock } }
    case 'PublicKey':
      return { publicKey: { keyBlock } }
    case 'PrivateKey':
      return { privateKey: { keyBlock } }
    case 'SecretData':
      return { secretData: { secretDataType: form.secretDataType ?? 'Password', keyBlock } }
    case 'PGPKey':
      return { pgpKey: { pgpKeyVersion: form.pgpKeyVersion ?? 0, keyBlock } }
    case 'SplitKey': {
      const { splitKey } = form
      if (splitKey === undefined) break
      const { parts: splitKeyParts, keyPartIdentifier, threshold: splitKeyThreshold, method: splitKeyMethod, primeFieldSize } = splitKey
      return { splitKey: { splitKeyParts, keyPartIdentifier, splitKeyThreshold, splitKeyMethod, primeFieldSize, keyBlock } }
    }
  }
  throw new KmipError('InvalidObjectType', `${uniqueIdentifier} is a ${objectType}: Get has no form for it.`)
}

/** What Get may be asked for beside the format that such objects have: the default formats of KMIP 2.1 §4.26. */
const ownFormats: Partial<Record<ObjectType, readonly EnumerationValue<'KeyFormatType'>[]>> = {
  Certificate: ['X_509', 'Raw'],
  CertificateRequest: ['PKCS_10', 'Raw'],
  OpaqueObject: ['Opaque', 'Raw'],
}

/** The value of an object without a Key Block. */
async function bytesOf(context: Context, object: ManagedObject, request: Request): Promise<Uint8Array> {
  const { objectType, uniqueIdentifier } = object
  const { keyFormatType: format } = request
  if (format !== undefined && ownFormats[objectType]?.includes(format) !== true)
    throw new KmipError('KeyFormatTypeNotSupported', `A ${objectType} cannot be given as ${format}.`)
  if (request.keyCompressionType !== undefined && request.keyCompressionType !== 'ECPublicKeyTypeUncompressed')
    throw new KmipError('KeyCompressionTypeNotSupported', `${request.keyCompressionType} is for public keys on elliptic curves.`)
  if (request.keyWrappingSpecification !== undefined)
    throw new KmipError('InvalidObjectType', `${uniqueIdentifier} is a ${objectType}, which has no Key Value to wrap.`)
  checkLeaves(object)
  return (await context.partition.reveal(keyReference(object))).value.expose()
}
