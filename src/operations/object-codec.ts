import type { StructureRow } from '../../spec/structures.ts'
import type { ValueOf } from '../../spec/values.ts'
import { decodeAttributes, encodeAttributes, storedStructure } from '../messages/index.ts'
import {
  type AlgorithmName,
  AttributeSet,
  type CurveName,
  ManagedObject,
  type ObjectForm,
  type ObjectType,
  type WrappedKey,
} from '../objects/index.ts'
import { decodeRecord, encodeRecord, type RecordKey } from '../store/index.ts'

/** A Managed Object as a record's bytes in a format, to be sealed by the tenant's partition. */
export function encodeObject(tenant: string, object: ManagedObject, format: number): Uint8Array {
  const record = {
    tenant,
    id: object.uniqueIdentifier,
    generation: object.generation,
    objectType: object.objectType,
    order: object.order,
    attributes: encodeAttributes(object.attributes),
    form: forms.encode(flat(object.form)),
    key: object.key === undefined ? undefined : recordKey(object.key),
  }
  return encodeRecord(record, format)
}

/**
 * What {@link encodeObject} wrote. The object holds views of the bytes.
 * @throws Error when the record is damaged, or is another object's or tenant's than the place says where it lay.
 */
export function decodeObject(tenant: string, id: string, bytes: Uint8Array): ManagedObject {
  const record = decodeRecord(bytes)
  if (record.tenant !== tenant || record.id !== id) throw new Error(`the record of ${id} is another object's`)
  return new ManagedObject({
    uniqueIdentifier: record.id,
    objectType: record.objectType as ObjectType,
    attributes: new AttributeSet(decodeAttributes(record.attributes)),
    form: nested(forms.decode(record.form)),
    key: record.key === undefined ? undefined : wrappedKey(record.key),
    generation: record.generation,
    order: record.order,
  })
}

/** The fields of `ObjectForm`, as a structure. */
const formRow = {
  keyFormatType: { tag: 'KeyFormatType', count: '?' },
  keyCompressionType: { tag: 'KeyCompressionType', count: '?' },
  keyWrappingData: { tag: 'KeyWrappingData', count: '?' },
  registeredKeyValue: { tag: 'KeyValue', type: 'ByteString', count: '?' },
  /** The standard has no flag of this meaning; any Boolean's tag serves. */
  wrappedInStructure: { tag: 'KeyValuePresent', count: '?' },
  certificateType: { tag: 'CertificateType', count: '?' },
  certificateRequestType: { tag: 'CertificateRequestType', count: '?' },
  secretDataType: { tag: 'SecretDataType', count: '?' },
  opaqueDataType: { tag: 'OpaqueDataType', count: '?' },
  pgpKeyVersion: { tag: 'PGPKeyVersion', count: '?' },
  parts: { tag: 'SplitKeyParts', count: '?' },
  keyPartIdentifier: { tag: 'KeyPartIdentifier', count: '?' },
  threshold: { tag: 'SplitKeyThreshold', count: '?' },
  method: { tag: 'SplitKeyMethod', count: '?' },
  primeFieldSize: { tag: 'PrimeFieldSize', count: '?' },
} as const satisfies StructureRow

type Flat = ValueOf<typeof formRow>

const forms = storedStructure('ObjectForm', formRow)

function flat({ splitKey, ...form }: ObjectForm): Flat {
  return splitKey === undefined ? form : { ...form, ...splitKey }
}

function nested({ parts, keyPartIdentifier, threshold, method, primeFieldSize, ...form }: Flat): ObjectForm {
  if (parts === undefined || keyPartIdentifier === undefined || threshold === undefined || method === undefined) return form
  return { ...form, splitKey: { parts, keyPartIdentifier, threshold, method, primeFieldSize } }
}

function recordKey({ kind, type, policy, bytes, mechanism, epoch }: WrappedKey): RecordKey {
  const { sensitive, extractable } = policy
  return { kind, algorithm: type?.algorithm, length: type?.length, curve: type?.curve, sensitive, extractable, mechanism, epoch, bytes }
}

function wrappedKey({ kind, algorithm, length, curve, sensitive, extractable, mechanism, epoch, bytes }: RecordKey): WrappedKey {
  const type =
    algorithm === undefined
      ? undefined
      : { algorithm: algorithm as AlgorithmName, length: length ?? 0, ...(curve === undefined ? {} : { curve: curve as CurveName }) }
  return { kind, type, policy: { sensitive, extractable }, bytes, mechanism, epoch }
}
