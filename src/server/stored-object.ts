import { decodeAttributes, encodeAttributes } from '../messages/index.ts'
import { AttributeSet, ManagedObject, type ObjectForm, type ObjectType, type WrappedKey } from '../objects/index.ts'
import { decodeRecord, encodeRecord, type RecordKey } from '../store/index.ts'

/** A Managed Object as the bytes of its record, to be sealed. */
export function writeObject(tenant: string, object: ManagedObject): Uint8Array {
  return encodeRecord({
    tenant,
    id: object.uniqueIdentifier,
    generation: object.generation,
    objectType: object.objectType,
    order: object.order,
    attributes: encodeAttributes(object.attributes),
    form: writeForm(object.form),
    key: object.key === undefined ? undefined : recordKey(object.key),
  })
}

/** @throws DamagedRecord or TtlvError for bytes that `writeObject` cannot have made; Error when they are another object's. */
export function readObject(tenant: string, id: string, bytes: Uint8Array): ManagedObject {
  const record = decodeRecord(bytes)
  if (record.tenant !== tenant || record.id !== id)
    throw new Error(`the record at ${tenant}/${id} is that of ${record.tenant}/${record.id}`)
  return new ManagedObject({
    uniqueIdentifier: record.id,
    objectType: record.objectType as ObjectType,
    attributes: new AttributeSet(decodeAttributes(record.attributes)),
    form: readForm(record.form),
    key: record.key === undefined ? undefined : wrappedKey(record.key),
    generation: record.generation,
    order: record.order,
  })
}

function recordKey({ kind, type, policy, bytes, mechanism, epoch }: WrappedKey): RecordKey {
  const { sensitive, extractable } = policy
  return { kind, algorithm: type?.algorithm, length: type?.length, curve: type?.curve, sensitive, extractable, mechanism, epoch, bytes }
}

function wrappedKey(key: RecordKey): WrappedKey {
  const { kind, algorithm, length, curve, sensitive, extractable, mechanism, epoch } = key
  const type = algorithm === undefined ? undefined : { algorithm, length, ...(curve === undefined ? {} : { curve }) }
  // The record's seal vouches for the names.
  return { kind, type: type as WrappedKey['type'], policy: { sensitive, extractable }, bytes: Buffer.from(key.bytes), mechanism, epoch }
}

/** The few fields of a form as JSON; byte strings in it as base64 under a mark. */
function writeForm(form: ObjectForm): Uint8Array {
  return Buffer.from(JSON.stringify(marked(form)))
}

function readForm(bytes: Uint8Array): ObjectForm {
  return JSON.parse(Buffer.from(bytes).toString('utf8'), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && mark in value ? new Uint8Array(Buffer.from(String(value[mark]), 'base64')) : value,
  ) as ObjectForm
}

const mark = '$bytes'

/** JSON's own hooks would see a Buffer only after its `toJSON`. */
function marked(value: unknown): unknown {
  if (value instanceof Uint8Array) return { [mark]: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(marked)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, marked(inner)]))
}
