import { createHash } from 'node:crypto'
import type { AttributeName } from '../../spec/attributes.ts'
import type { RawItem } from '../../spec/item-types.ts'
import type { AttributeInstance } from '../../spec/values.ts'
import { statesToCome } from './lifecycle.ts'
import type { ManagedObject, State } from './managed-object.ts'

/** What the index knows of an object (`IndexTerm` of the store): a stable short name, and bytes that order as the value does. */
export interface Term {
  readonly attribute: string
  readonly value: Uint8Array
}

/** A search by one term, `from` and `to` inclusive. */
export interface TermRange {
  readonly attribute: string
  readonly from: Uint8Array
  readonly to: Uint8Array
}

type Part = number | bigint | boolean | string | Uint8Array | undefined

/**
 * The attributes that have index terms, each as the parts of its value, the one that tells most first. A search that gives the first
 * parts alone is a range of terms. What is not here (flags, masks, parameters, limits) tells little: `matches` tests it on what the terms leave.
 */
const indexed: { readonly [N in AttributeName]?: (value: never) => readonly Part[] } = {
  ...table('ActivationDate', 'ArchiveDate', 'CompromiseDate', 'CompromiseOccurrenceDate', 'DeactivationDate', 'DestroyDate', 'InitialDate'),
  ...table('LastChangeDate', 'OriginalCreationDate', 'ProcessStartDate', 'ProtectStopDate'),
  ...table(
    'CryptographicAlgorithm',
    'CryptographicLength',
    'ObjectType',
    'CertificateType',
    'ObjectGroup',
    'ContactInformation',
    'Description',
  ),
  ...table('CertificateSubjectCN', 'PKCS_12FriendlyName'),
  Name: ({ value, type }: ValueOf<'Name'>) => [value, type],
  AlternativeName: ({ value, type }: ValueOf<'AlternativeName'>) => [value, type],
  ApplicationSpecificInformation: ({ namespace, data }: ValueOf<'ApplicationSpecificInformation'>) => [namespace, data],
  KeyValueLocation: ({ value, type }: ValueOf<'KeyValueLocation'>) => [value, type],
  Link: ({ linkedObjectIdentifier, linkType }: ValueOf<'Link'>) => [text(linkedObjectIdentifier), linkType],
  VendorAttribute: ({ vendorIdentification, attributeName, attributeValue }: ValueOf<'VendorAttribute'>) => [
    vendorIdentification,
    attributeName,
    attributeValue === undefined ? undefined : rawBytes(attributeValue),
  ],
  X_509CertificateIdentifier: ({ issuerDistinguishedName, serialNumber }: ValueOf<'X_509CertificateIdentifier'>) => [
    serialNumber,
    issuerDistinguishedName,
  ],
  X_509CertificateIssuer: ({ distinguishedName }: ValueOf<'X_509CertificateIssuer'>) => [distinguishedName],
  X_509CertificateSubject: ({ distinguishedName }: ValueOf<'X_509CertificateSubject'>) => [distinguishedName],
}

type ValueOf<N extends AttributeName> = Partial<Extract<AttributeInstance, { readonly name: N }>['value']>

/** Where an object lies, for the Storage Status Mask. Living and destroyed objects have terms apart, so that neither are sifted out of the other. */
export type Storage = 'on-line' | 'destroyed'

const mark: Readonly<Record<Storage, string>> = { 'on-line': '', destroyed: '~' }
/** The attribute of the one term that every object has. */
const everyObject = 'Object'
/** The attribute of the terms of an object that dates will move. */
const moving = 'Moving'

/**
 * The terms of an object as it is stored. Its state is a `State` term when only a request can change it. An object that its dates will
 * move has a `Moving` term for every state on its way instead: a search by State looks among those too, and `matches` decides at its time.
 */
export function indexTerms(object: ManagedObject): Term[] {
  const prefix = mark[object.isDestroyed ? 'destroyed' : 'on-line']
  const terms: Term[] = [{ attribute: prefix + everyObject, value: noBytes }]
  const states = statesToCome(object)
  for (const state of states) terms.push({ attribute: prefix + (states.length === 1 ? 'State' : moving), value: partBytes(state) })
  for (const instance of object.attributes) {
    const parts = partsOf(instance)
    if (parts !== undefined) terms.push({ attribute: prefix + instance.name, value: joined(parts) })
  }
  return terms
}

/** The same range among the objects of a storage; without any range, all of them. */
export function rangesIn(storage: Storage, ranges: readonly TermRange[]): TermRange[] {
  if (ranges.length === 0) return [exactly(mark[storage] + everyObject, noBytes)]
  return ranges.map(({ attribute, from, to }) => ({ attribute: mark[storage] + attribute, from, to }))
}

const noBytes = new Uint8Array(0)

/** The range of terms that holds all objects with this attribute value, as far as it is given; undefined where no term tells. */
export function termRange(wanted: AttributeInstance): TermRange | undefined {
  if (wanted.name === 'State') return stateRange(wanted.value)
  const parts = partsOf(wanted)
  if (parts === undefined || parts[0] === undefined) return undefined
  const given = parts.indexOf(undefined)
  const from = joined(given < 0 ? parts : parts.slice(0, given))
  return { attribute: wanted.name, from, to: given < 0 ? from : Buffer.concat([from, afterAnyPart]) }
}

/** The objects that are in the state until a request changes that. */
export function stateRange(state: State): TermRange {
  return exactly('State', partBytes(state))
}

/** The objects that may be in the state by their dates. */
export function movingRange(state: State): TermRange {
  return exactly(moving, partBytes(state))
}

/** The range of terms between two dates, in either order. */
export function dateRange(name: AttributeName, one: number, other: number): TermRange {
  return { attribute: name, from: joined([Math.min(one, other)]), to: joined([Math.max(one, other)]) }
}

/** Whether the terms decide this attribute alone, so that a found object need not be looked at. */
export function isDecidedByTerms(wanted: AttributeInstance): boolean {
  return wanted.name === 'State' || ((partsOf(wanted)?.every((part) => part !== undefined) ?? false) && !hasMoreParts.has(wanted.name))
}

/** Structures of which a request may give more than the terms hold. */
const hasMoreParts: ReadonlySet<AttributeName> = new Set(['X_509CertificateIssuer', 'X_509CertificateSubject'])

/** Greater than any part: a part starts with a length below 0x0100. */
const afterAnyPart = Buffer.from([0xff])
/** Longer texts and bytes are told by their hash. */
const longestPart = 64

function table(...names: AttributeName[]): { readonly [N in AttributeName]?: (value: never) => readonly Part[] } {
  return Object.fromEntries(names.map((name) => [name, (value: Part) => [value]]))
}

function partsOf(instance: AttributeInstance): readonly Part[] | undefined {
  return (indexed[instance.name] as ((value: unknown) => readonly Part[]) | undefined)?.(instance.value)
}

function exactly(attribute: string, value: Uint8Array): TermRange {
  return { attribute, from: value, to: value }
}

function joined(parts: readonly Part[]): Uint8Array {
  return parts.length === 1 ? partBytes(parts[0]) : Buffer.concat(parts.map(partBytes))
}

/** Numbers as eight bytes that order like them; the rest as its length and its bytes, or its hash. An absent part has length 0. */
function partBytes(part: Part): Uint8Array {
  if (typeof part === 'number' || typeof part === 'bigint') {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(part)) ^ (1n << 63n))
    return bytes
  }
  const bytes =
    typeof part === 'string'
      ? Buffer.from(part, 'utf8')
      : part instanceof Uint8Array
        ? part
        : Buffer.from(part === undefined ? [] : [Number(part)])
  const short = bytes.length <= longestPart ? bytes : createHash('sha256').update(bytes).digest()
  const marked = Buffer.allocUnsafe(short.length + 2)
  marked[0] = bytes.length <= longestPart ? 0 : 1
  marked[1] = short.length
  marked.set(short, 2)
  return marked
}

function text(identifier: unknown): string | undefined {
  return typeof identifier === 'string' ? identifier : undefined
}

/** A vendor attribute's value as bytes that differ whenever type or value do. */
function rawBytes(item: RawItem): Uint8Array {
  const { type, value } = item
  if (value instanceof Uint8Array) return Buffer.concat([Buffer.from(`${type} `), value])
  if (Array.isArray(value)) {
    const children = (value as readonly RawItem[]).map((child) => Buffer.concat([Buffer.from(`${child.tag} `), partBytes(rawBytes(child))]))
    return Buffer.concat([Buffer.from(`${type} `), ...children])
  }
  return Buffer.from(`${type} ${String(value)}`)
}
